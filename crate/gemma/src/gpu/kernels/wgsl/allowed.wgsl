fn is_allowed(token: u32) -> bool {
    return !MASKED || (token < VOCABULARY && ((mask[token >> 5u] >> (token & 31u)) & 1u) == 1u);
}
