# SPDX-License-Identifier: Apache-2.0
# CPU time by process, stacked would hide the small ones: one bar each.
set terminal svg size 900,460 font "sans,13" background rgb "white"
set output name.'.svg'
set datafile separator ','
set ylabel 'CPU time, ms a second'
set grid ytics lc rgb '#dddddd'
set style fill solid 0.8
set boxwidth 0.8
set xtics rotate by -35 nomirror
set key top right
set yrange [0:*]
plot name.'.csv' skip 1 using 0:(strcol(2) eq 'vipd' ? $6 : NaN):xtic(strcol(4).' '.strcol(5).', '.strcol(1).' ms') \
         with boxes lc rgb '#1b7837' title 'vipd', \
     '' skip 1 using 0:(strcol(2) eq 'keepalived' ? $6 : NaN) with boxes lc rgb '#b2182b' title 'keepalived'
