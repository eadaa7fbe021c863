# docs/frames.svg: what the network cost each frame. Variables: data (a folder with frames-CANDIDATE.dat), output.
stats data."/frames-sidewire.dat" name "run" nooutput
set terminal svg size 960,500 font "sans-serif,14" background "white"
set output output
set title "Time of a frame spent in send and poll, while the peer reads for a second and stalls for a second in turn"
set xlabel "time, s"
set ylabel "send + poll, ms (logarithmic)"
set logscale y
set yrange [0.02:3000]
set format y "%g"
set xrange [0:*] noextend
set grid ytics linecolor "#dddddd"
set bmargin 5.5
set key at screen 0.53, screen 0.06 center samplen 1 Left reverse font ",12"
set label "a frame at 60 Hz: 16.7 ms" at graph 0.01, first 22 textcolor "#555555" font ",12"
do for [begin = 1 : int(run_max_x) : 2] {
    set object rectangle from first begin, graph 0 to first begin + 1, graph 1 behind \
        fillcolor "#f0f0f0" fillstyle solid noborder
    set label "stalled" at first begin + 0.5, graph 0.95 center textcolor "#555555" font ",12"
}

plot 16.7 with lines linecolor "#555555" dashtype 2 notitle, \
    data."/frames-luasocket.dat" with points pointtype 7 pointsize 0.45 linecolor "#d55e00" title "LuaSocket, blocking", \
    data."/frames-luasocket_queue.dat" with points pointtype 7 pointsize 0.45 linecolor "#0072b2" \
        title "LuaSocket, non-blocking, own queue", \
    data."/frames-sidewire.dat" with points pointtype 7 pointsize 0.45 linecolor "#009e73" title "sidewire"
