# docs/throughput.svg: how fast it goes. Variables: data (a folder with throughput.dat), output.
set terminal svg size 960,420 font "sans-serif,14" background "white"
set output output
set multiplot
set style fill solid
set grid xtics linecolor "#dddddd"
set tics nomirror
set ytics scale 0
set border 3
unset key
file = data."/throughput.dat"
stats file using 2 name "flood" nooutput
stats file using 3 name "bulk" nooutput
set yrange [flood_records - 0.4:-0.6]

# Bars lie on their side, so that the names can be read: a box of height 0.7 at row n, from 0 to the figure.
set lmargin at screen 0.30
set rmargin at screen 0.63
set xrange [0:1.2 * flood_max]
set xlabel "million messages/s (64 bytes each)"
plot file using (0):0:(0):2:($0 - 0.35):($0 + 0.35):ytic(1) with boxxyerror linecolor "#0072b2", \
    file using 2:0:(sprintf(" %.2f", $2)) with labels left offset 0.3,0 font ",12"

set lmargin at screen 0.66
set rmargin at screen 0.97
set xrange [0:1.2 * bulk_max]
set xlabel "GB/s (pieces of 64 KiB)"
set format y ""
plot file using (0):0:(0):3:($0 - 0.35):($0 + 0.35) with boxxyerror linecolor "#009e73", \
    file using 3:0:(sprintf(" %.2f", $3)) with labels left offset 0.3,0 font ",12"
