# SPDX-License-Identifier: Apache-2.0
set terminal svg size 800,420 font "sans,13" background rgb "white"
set output name.'.svg'
set datafile separator ','
set logscale y
set ylabel 'end of Active\_Down\_Interval to first announcement, us'
set xlabel 'trial'
set grid ytics lc rgb '#dddddd'
plot name.'.csv' skip 1 using 0:(strcol(2) eq 'vipd' ? $4 : NaN) with points pt 7 ps 0.6 lc rgb '#1b7837' title 'vipd', \
     '' skip 1 using 0:(strcol(2) eq 'keepalived' ? $4 : NaN) with points pt 6 ps 0.7 lc rgb '#b2182b' title 'keepalived'
