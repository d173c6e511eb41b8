// Rows of M times one vector, by one invocation: `count` totals from `first` on, the first eight of
// them rows from `row` on, the others from `more` on. Each unit of the vector is read once for all.
fn M_rows(row: u32, more: u32, x: u32, first: u32, count: u32) {
    for (var u = 0u; u < M_UNITS; u += 1u) {
        let v = M_input(x + u * UNIT_WORDS);
        // One row per iteration: unrolled, it would take longer to compile and be no faster.
        for (var i = 0u; i < count; i += 1u) {
            let at = min(select(row + i, more + i - 8u, i >= 8u), M_ROWS - 1u);
            sums[first + i] += M_dot(at * M_UNITS + u, v);
        }
    }
}
