//! Gemma 4's format: the marks that its turns, calls and thoughts stand between.

const TOOL: [&str; 2] = ["<|tool>", "<tool|>"];
pub(crate) const CALL: [&str; 2] = ["<|tool_call>", "<tool_call|>"];
const RESPONSE: [&str; 2] = ["<|tool_response>", "<tool_response|>"];
/// Stands before and after a text.
pub(crate) const QUOTE: &str = "<|\"|>";
/// In the system's turn it switches thinking on.
pub const THINK: &str = "<|think|>";
/// What stands between them is the model's thinking.
pub const CHANNEL: [&str; 2] = ["<|channel>", "<channel|>"];
/// Around each turn.
pub const TURN: [&str; 2] = ["<|turn>", "<turn|>"];

/// Every piece of the format with the id it has in the released vocabulary; they are looked up by text.
pub const PIECES: [(u32, &str); 12] = [
    (46, TOOL[0]),
    (47, TOOL[1]),
    (48, CALL[0]),
    (49, CALL[1]),
    (50, RESPONSE[0]),
    (51, RESPONSE[1]),
    (52, QUOTE),
    (98, THINK),
    (100, CHANNEL[0]),
    (101, CHANNEL[1]),
    (105, TURN[0]),
    (106, TURN[1]),
];

/// The piece after which the model waits for results: one more end of an answer.
pub const WAITS: &str = RESPONSE[0];
