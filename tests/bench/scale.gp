# SPDX-License-Identifier: Apache-2.0
set terminal svg size 1000,460 font "sans,13" background rgb "white"
set output name.'.svg'
set datafile separator ','
set logscale x 2
set logscale y
set xtics (1, 16, 64, 255)
set xrange [0.8:320]
set grid ytics lc rgb '#dddddd'
set key top left
set xlabel 'virtual routers'
set multiplot layout 1,2
set ylabel 'CPU time of the Active, ms a second'
plot name.'.csv' skip 1 using (strcol(3) eq 'vipd' && $1 == 10 ? $2 : NaN):5 with points pt 7 lc rgb '#1b7837' title 'vipd, 10 ms', \
     '' skip 1 using (strcol(3) eq 'vipd' && $1 == 100 ? $2 : NaN):5 with points pt 9 lc rgb '#1b7837' title 'vipd, 100 ms', \
     '' skip 1 using (strcol(3) eq 'keepalived' && $1 == 10 ? $2 : NaN):5 with points pt 6 lc rgb '#b2182b' title 'keepalived, 10 ms', \
     '' skip 1 using (strcol(3) eq 'keepalived' && $1 == 100 ? $2 : NaN):5 with points pt 8 lc rgb '#b2182b' title 'keepalived, 100 ms'
set ylabel 'all addresses announced after, ms'
plot name.'.csv' skip 1 using (strcol(3) eq 'vipd' && $1 == 10 ? $2 : NaN):13 with points pt 7 lc rgb '#1b7837' notitle, \
     '' skip 1 using (strcol(3) eq 'vipd' && $1 == 100 ? $2 : NaN):13 with points pt 9 lc rgb '#1b7837' notitle, \
     '' skip 1 using (strcol(3) eq 'keepalived' && $1 == 10 ? $2 : NaN):13 with points pt 6 lc rgb '#b2182b' notitle, \
     '' skip 1 using (strcol(3) eq 'keepalived' && $1 == 100 ? $2 : NaN):13 with points pt 8 lc rgb '#b2182b' notitle
unset multiplot
