// The likeliest allowed token, the logarithm of Σ exp(logit) over all, and on request the KEEP largest allowed logits,
// by one workgroup. The KEEP largest are in the KEEP slices with the largest maxima, so two selections among a few
// thousand are enough. Advances the sequence: the next pass starts after this one, with the likeliest token.
@group(0) @binding(0) var<storage, read> logits: array<f32>; // [VOCABULARY]
@group(0) @binding(1) var<storage, read> slices: array<vec4<u32>>; // [SLICES]
@group(0) @binding(2) var<storage, read_write> progress: Step;
@group(0) @binding(3) var<storage, read_write> tokens: array<u32>; // [..]
@group(0) @binding(4) var<storage, read_write> result: array<u32>; // [128]: head of 16, KEEP logits, KEEP tokens of 3 bytes
@group(0) @binding(5) var<storage, read> mask: array<u32>; // a bit for each token

const KEEP: u32 = 64u;
const HEAD: u32 = 16u;

// If a workgroup has as many invocations as a digit has values, they all work in parallel.
const TREE: bool = WORKGROUP == 256u;

var<workgroup> bins: array<atomic<u32>, 256>;
var<workgroup> chosen: array<u32, KEEP>; // slices
var<workgroup> picked: array<u32, KEEP>; // tokens
var<workgroup> taken: atomic<u32>;
var<workgroup> found: vec2<u32>; // the digits so far, and how many are still needed
var<workgroup> best: array<Best, WORKGROUP>;
var<workgroup> ties: array<u32, WORKGROUP>;

// Larger floats as larger integers.
fn key_of(bits: u32) -> u32 { return bits ^ select(0x80000000u, 0xffffffffu, (bits & 0x80000000u) != 0u); }
fn slice_key(i: u32) -> u32 { return key_of(slices[i].x); }
fn token_of(i: u32) -> u32 { return chosen[i / SLICE] * SLICE + i % SLICE; }
fn logit_key(i: u32) -> u32 {
    let token = token_of(i);
    let within = token < VOCABULARY && token < (chosen[i / SLICE] + 1u) * SLICE;
    return select(0u, key_of(bitcast<u32>(logits[min(token, VOCABULARY - 1u)])), within && is_allowed(token));
}
fn key_at(i: u32, of_slices: bool) -> u32 {
    if (of_slices) { return slice_key(i); }
    return logit_key(i);
}
fn put(at: u32, i: u32, of_slices: bool) {
    if (of_slices) { chosen[at] = i; } else { picked[at] = token_of(i); }
}

// After four digits, `found.x` is the key of the last kept one.
fn count_digit(key: u32, prefix: u32, shift: u32) {
    // Only values with equal higher digits count; a shift by 32 is undefined.
    if (shift == 24u || (key >> (shift + 8u)) == prefix) { atomicAdd(&bins[(key >> shift) & 255u], 1u); }
}
fn find_digit(local: u32, prefix: u32, wanted: u32) {
    workgroupBarrier();
    if (TREE) {
        // Counts the values with this digit or a larger one.
        for (var step = 1u; step < 256u; step *= 2u) {
            let more = atomicLoad(&bins[min(local + step, 255u)]);
            workgroupBarrier();
            if (local + step < 256u) { atomicAdd(&bins[local], more); }
            workgroupBarrier();
        }
        let above = select(atomicLoad(&bins[min(local + 1u, 255u)]), 0u, local >= 255u);
        if (local < 256u && above < wanted && atomicLoad(&bins[local]) >= wanted) {
            found = vec2<u32>((prefix << 8u) | local, wanted - above);
        }
    } else if (local == 0u) {
        var left = wanted;
        var bin = 255u;
        loop {
            let here = atomicLoad(&bins[bin]);
            if (here >= left || bin == 0u) { break; }
            left -= here;
            bin -= 1u;
        }
        found = vec2<u32>((prefix << 8u) | bin, left);
    }
    workgroupBarrier();
}
fn clear_bins(local: u32) {
    workgroupBarrier();
    for (var i = local; i < 256u; i += WORKGROUP) { atomicStore(&bins[i], 0u); }
    workgroupBarrier();
}
// Σ over the previous invocations.
fn before(mine: u32, local: u32) -> u32 {
    ties[local] = mine;
    workgroupBarrier();
    if (!TREE) {
        var sum = 0u;
        for (var i = 0u; i < local; i += 1u) { sum += ties[i]; }
        return sum;
    }
    for (var step = 1u; step < WORKGROUP; step *= 2u) {
        let more = select(0u, ties[local - min(local, step)], local >= step);
        workgroupBarrier();
        ties[local] += more;
        workgroupBarrier();
    }
    return ties[local] - mine;
}
// Selects the largest `kept` of `count`, and the first of equal ones.
fn keep_largest(local: u32, count: u32, kept: u32, of_slices: bool) {
    var prefix = 0u;
    var wanted = kept;
    for (var digit = 0u; digit < 4u; digit += 1u) {
        let shift = 24u - 8u * digit;
        clear_bins(local);
        for (var i = local; i < count; i += WORKGROUP) { count_digit(key_at(i, of_slices), prefix, shift); }
        find_digit(local, prefix, wanted);
        prefix = found.x;
        wanted = found.y;
    }
    if (local == 0u) { atomicStore(&taken, 0u); }
    workgroupBarrier();
    let share = (count + WORKGROUP - 1u) / WORKGROUP;
    let end = min((local + 1u) * share, count);
    var equal = 0u;
    for (var i = local * share; i < end; i += 1u) {
        let key = key_at(i, of_slices);
        if (key > prefix) { put(atomicAdd(&taken, 1u), i, of_slices); }
        if (key == prefix) { equal += 1u; }
    }
    var at = kept - wanted + before(equal, local);
    for (var i = local * share; i < end; i += 1u) {
        if (key_at(i, of_slices) == prefix && at < kept) {
            put(at, i, of_slices);
            at += 1u;
        }
    }
    workgroupBarrier();
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) local: u32) {
    var mine = nothing();
    for (var i = local; i < SLICES; i += WORKGROUP) {
        let s = slices[i];
        mine = better(mine, Best(bitcast<f32>(s.x), s.y & ~WRONG, bitcast<f32>(s.w), bitcast<f32>(s.z), s.y & WRONG));
    }
    best[local] = mine;
    workgroupBarrier();
    if (TREE) {
        for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
            if (local < half) { best[local] = better(best[local], best[local + half]); }
            workgroupBarrier();
        }
    } else if (local == 0u) {
        for (var i = 1u; i < WORKGROUP; i += 1u) { mine = better(mine, best[i]); }
        best[0] = mine;
    }
    if (local == 0u) {
        let all = best[0];
        result[0] = all.token;
        result[1] = bitcast<u32>(all.most);
        result[2] = bitcast<u32>(log(all.sum));
        result[3] = all.wrong;
        result[4] = progress.position + progress.tokens;
        result[5] = min(KEEP, VOCABULARY);
        result[6] = bitcast<u32>(all.top);
        tokens[0] = all.token;
        progress.position += progress.tokens;
        progress.tokens = 1u;
    }
    if (!KEEP_MANY) { return; }

    // The slices that may contain one of the largest, then the largest of their logits.
    let slices_kept = min(KEEP, SLICES);
    let kept = min(KEEP, VOCABULARY);
    keep_largest(local, SLICES, slices_kept, true);
    keep_largest(local, slices_kept * SLICE, kept, false);
    // Tokens have three bytes, so three words hold four of them.
    for (var i = 4u * local; i < KEEP; i += 4u * WORKGROUP) {
        let a = picked[i];
        let b = picked[i + 1u];
        let c = picked[i + 2u];
        let d = picked[i + 3u];
        let to = HEAD + KEEP + i / 4u * 3u;
        result[to] = a | (b << 24u);
        result[to + 1u] = (b >> 8u) | (c << 16u);
        result[to + 2u] = (c >> 16u) | (d << 8u);
    }
    // If fewer are allowed than kept, the rest is filled with −∞.
    for (var i = local; i < kept; i += WORKGROUP) {
        result[HEAD + i] = select(0xff800000u, bitcast<u32>(logits[min(picked[i], VOCABULARY - 1u)]), is_allowed(picked[i]));
    }
}
