//! The slow twin of the router: its rules in the plainest form, without suspension, a clock, or any
//! code of the router.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use hybridge_core::Status;

/// A tree of strategies, with the answers of its callbacks.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    /// The order and the constraint, as returned by a custom strategy.
    Custom(Vec<String>, Option<Vec<String>>),
    Fallback(Vec<String>),
    /// The answer, then the branches for yes and no.
    Connectivity(bool, String, String),
    Cost(bool, String, String),
    Ready(String, String),
    Device(String, String),
    InputSize(u32, String, String),
    Privacy(String),
    FirstMatch(Vec<Tree>),
    WithFallback(Box<Tree>, Vec<String>),
}

/// Properties of the whole request.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) has_gpu: bool,
    pub(super) is_sensitive: bool,
    /// Characters of the prompt.
    pub(super) size: u32,
    /// The branches that are loaded.
    pub(super) ready: BTreeSet<String>,
}

pub(super) type Opinion = (Vec<String>, Option<BTreeSet<String>>);

impl Tree {
    /// Returns the strategy's decision.
    pub(super) fn opinion(&self, world: &World, keys: &[String]) -> Opinion {
        let pick =
            |yes: bool, a: &String, b: &String| (vec![if yes { a } else { b }.clone()], None);
        match self {
            Self::Custom(order, allow) => {
                (order.clone(), allow.clone().map(|it| it.into_iter().collect()))
            }
            Self::Fallback(order) => (order.clone(), None),
            Self::Connectivity(yes, online, offline) => pick(*yes, online, offline),
            Self::Cost(true, premium, cheap) => (vec![premium.clone(), cheap.clone()], None),
            Self::Cost(false, _, cheap) => (vec![cheap.clone()], None),
            // A missing branch is named anyway, so that the typo is found.
            Self::Ready(ready, otherwise) => {
                pick(world.ready.contains(ready) || !keys.contains(ready), ready, otherwise)
            }
            Self::Device(capable, otherwise) => pick(world.has_gpu, capable, otherwise),
            Self::InputSize(threshold, small, large) => pick(world.size > *threshold, large, small),
            Self::Privacy(keep) if world.is_sensitive => {
                (vec![keep.clone()], Some(BTreeSet::from([keep.clone()])))
            }
            Self::Privacy(_) => (Vec::new(), None),
            Self::FirstMatch(children) => {
                let mut allow = None;
                let mut first_forbidden = Vec::new();
                for child in children {
                    let (order, its) = child.opinion(world, keys);
                    allow = both(allow, its);
                    if order.iter().any(|key| permits(allow.as_ref(), key)) {
                        return (order, allow);
                    }
                    if first_forbidden.is_empty() {
                        first_forbidden = order;
                    }
                }
                (first_forbidden, allow)
            }
            Self::WithFallback(inner, tail) => {
                let (mut order, allow) = inner.opinion(world, keys);
                for key in tail {
                    if !order.contains(key) {
                        order.push(key.clone());
                    }
                }
                (order, allow)
            }
        }
    }

    /// Returns the tree as described by the TypeScript classes; the answers of its callbacks are
    /// added to `leaves`.
    pub(super) fn describe(&self, leaves: &mut Vec<Value>) -> Value {
        let mut leaf = |answer: Value| {
            leaves.push(answer);
            leaves.len() - 1
        };
        match self {
            Self::Custom(order, allow) => {
                let answer = match (order.as_slice(), allow) {
                    ([], None) => Value::Null,
                    ([one], None) => json!(one),
                    (many, None) => json!(many),
                    (many, allow) => json!({"order": many, "allow": allow}),
                };
                json!({"custom": {"leaf": leaf(answer), "name": "mine"}})
            }
            Self::Fallback(order) => json!({"fallback": {"order": order}}),
            Self::Connectivity(yes, online, offline) => {
                json!({"connectivity": {"leaf": leaf(json!(yes)), "online": online, "offline": offline}})
            }
            Self::Cost(yes, premium, cheap) => {
                json!({"cost": {"leaf": leaf(json!(yes)), "premium": premium, "cheap": cheap}})
            }
            Self::Ready(ready, otherwise) => {
                json!({"ready": {"ready": ready, "otherwise": otherwise}})
            }
            Self::Device(capable, otherwise) => {
                json!({"device": {"require": {"webgpu": true}, "capable": capable, "otherwise": otherwise}})
            }
            Self::InputSize(threshold, small, large) => {
                json!({"inputSize": {"threshold": threshold, "small": small, "large": large}})
            }
            Self::Privacy(keep) => json!({"privacy": {"keep": keep}}),
            Self::FirstMatch(children) => {
                let children: Vec<Value> = children.iter().map(|it| it.describe(leaves)).collect();
                json!({"firstMatch": {"children": children}})
            }
            Self::WithFallback(inner, tail) => {
                json!({"withFallback": {"inner": inner.describe(leaves), "fallbackOrder": tail}})
            }
        }
    }
}

fn permits(allow: Option<&BTreeSet<String>>, key: &str) -> bool {
    allow.is_none_or(|it| it.contains(key))
}

fn both(a: Option<BTreeSet<String>>, b: Option<BTreeSet<String>>) -> Option<BTreeSet<String>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.intersection(&b).cloned().collect()),
        (a, b) => a.or(b),
    }
}

/// The behaviour of a branch in one attempt: chunks, with or without content, and an end.
#[derive(Clone, Debug)]
pub(super) struct Behaviour {
    pub(super) chunks: Vec<bool>,
    pub(super) fails: Option<Status>,
}

/// The outcome of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// The branches that were started, in order.
    pub(super) tried: Vec<String>,
    /// The branch that answered, or the status of the error.
    pub(super) ended: Option<Result<String, Status>>,
}

/// Returns the expected outcome of a request. `behaviour` returns the behaviour of the n-th
/// attempt.
pub(super) fn outcome(
    (order, allow): Opinion,
    keys: &[String],
    is_streaming: bool,
    behaviour: impl Fn(usize) -> Behaviour,
) -> Outcome {
    let failed = |tried, status| Outcome { tried, ended: Some(Err(status)) };
    let is_known = |key: &String| keys.contains(key);
    if order.is_empty() || !order.iter().all(is_known) || !allow.iter().flatten().all(is_known) {
        return failed(Vec::new(), Status::FailedPrecondition);
    }
    let order: Vec<String> = order.into_iter().filter(|it| permits(allow.as_ref(), it)).collect();
    if order.is_empty() {
        return failed(Vec::new(), Status::FailedPrecondition);
    }
    let mut tried = Vec::new();
    for (attempt, key) in order.iter().enumerate() {
        tried.push(key.clone());
        let Behaviour { chunks, fails } = behaviour(attempt);
        let Some(status) = fails else { return Outcome { tried, ended: Some(Ok(key.clone())) } };
        let was_seen = is_streaming && chunks.contains(&true);
        let moves_on = [
            Status::Unavailable,
            Status::DeadlineExceeded,
            Status::ResourceExhausted,
            Status::Internal,
        ];
        if was_seen || !moves_on.contains(&status) || attempt + 1 == order.len() {
            return failed(tried, status);
        }
    }
    unreachable!("the last attempt returns")
}
