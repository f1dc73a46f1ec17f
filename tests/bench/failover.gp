# SPDX-License-Identifier: Apache-2.0
# The longest silence of every trial: a column each fault and interval, the makes side by side.
set terminal svg size 1000,520 font "sans,13" background rgb "white"
set output name.'.svg'
set datafile separator ','
set logscale y
set ylabel 'longest silence that a client saw, ms'
set grid ytics lc rgb '#dddddd'
set key outside top center horizontal
set xtics rotate by -25 nomirror ('' 0)
array label[6] = ['silent death', 'SIGTERM', 'drain', 'API server killed', 'agent killed', 'all killed']
array interval[3] = [10, 100, 1000]
do for [f=1:6] { do for [i=1:3] { set xtics add (sprintf('%s, %d ms', label[f], interval[i]) (f-1)*3.6+i) } }
place(f, i) = (sum [k=1:6] (f eq label[k] ? (k-1)*3.6 : 0)) + (i == 10 ? 1 : i == 100 ? 2 : 3)
jitter(run) = (int(run) % 7 - 3) * 0.02
set xrange [0.3:22]
plot name.'.csv' skip 1 using (strcol(3) eq 'vipd' ? place(strcol(1), $2) - 0.17 + jitter($4) : NaN):5 \
         with points pt 7 ps 0.5 lc rgb '#1b7837' title 'vipd', \
     '' skip 1 using (strcol(3) eq 'keepalived' ? place(strcol(1), $2) + 0.17 + jitter($4) : NaN):5 \
         with points pt 6 ps 0.6 lc rgb '#b2182b' title 'keepalived'
