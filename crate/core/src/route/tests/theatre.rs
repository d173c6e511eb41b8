//! The test helper for runs: a hybrid, a script of events, and the expected actions.

use crate::route::{
    Action, Event, Health, Heard, Plan, Run, RunOptions, StopReason, Summary, Trace,
};
use crate::{Error, Status, Usage};

/// A hybrid over `device`, `cloud` and `spare`, and the request it gets.
#[derive(Clone)]
pub(super) struct Stage {
    order: &'static str,
    more: String,
    streaming: bool,
    config: &'static str,
    stay: Option<&'static str>,
    continues: bool,
    wants_json: bool,
    strategy: Option<&'static str>,
}

/// Creates a test with a streaming caller and these branches in this order.
pub(super) fn streaming(order: &'static str) -> Stage {
    Stage {
        order,
        more: String::new(),
        streaming: true,
        config: "{}",
        stay: None,
        continues: false,
        wants_json: false,
        strategy: None,
    }
}

/// The caller waits for the complete answer.
pub(super) fn waiting(order: &'static str) -> Stage {
    Stage { streaming: false, ..streaming(order) }
}

impl Stage {
    /// Sets a policy, as JSON.
    pub(super) fn policy(self, json: &str) -> Self {
        self.with("policy", json)
    }

    /// Sets further fields of the plan.
    pub(super) fn with(mut self, field: &str, json: &str) -> Self {
        self.more = format!(r#"{},"{field}":{json}"#, self.more);
        self
    }

    /// Sets the request's options.
    pub(super) fn config(mut self, json: &'static str) -> Self {
        self.config = json;
        self
    }

    /// Adds results of tools that this branch called.
    pub(super) fn answering(mut self, branch: &'static str) -> Self {
        self.stay = Some(branch);
        self
    }

    /// Allows another branch to continue an answer that broke off.
    pub(super) fn continuing(self) -> Self {
        Self { continues: true, ..self }
    }

    /// Requests JSON.
    pub(super) fn json(self) -> Self {
        Self { wants_json: true, ..self }
    }

    /// Replaces the fixed order by a strategy.
    pub(super) fn strategy(self, json: &'static str) -> Self {
        Self { strategy: Some(json), ..self }
    }

    pub(super) fn plan(&self) -> Plan {
        let order: Vec<String> = self.order.split(' ').map(|it| format!("\"{it}\"")).collect();
        let fallback = format!(r#"{{"fallback":{{"order":[{}]}}}}"#, order.join(","));
        Plan::parse(&format!(
            r#"{{"keys":["device","cloud","spare"],"strategy":{},"strategyName":"test"{}}}"#,
            self.strategy.unwrap_or(&fallback),
            self.more
        ))
        .unwrap()
    }

    /// Runs a script and fails unless the actions are `expected`.
    #[track_caller]
    pub(super) fn check(self, script: &str, expected: &str) -> Trace {
        let plan = self.plan();
        self.check_again(&plan, &mut Health::new(3), 0.0, script, expected)
    }

    /// The same with health recorded earlier.
    #[track_caller]
    pub(super) fn check_again(
        &self,
        plan: &Plan,
        health: &mut Health,
        from: f64,
        script: &str,
        expected: &str,
    ) -> Trace {
        let config = serde_json::from_str(self.config).unwrap();
        let stay = self.stay.map(str::to_owned);
        let options = RunOptions {
            id: "run".into(),
            streaming: self.streaming,
            config,
            stay,
            allow: None,
            continues: self.continues,
            wants_json: self.wants_json,
        };
        let mut play = Play {
            run: Run::new(options),
            plan,
            health,
            now: from,
            alarm: None,
            story: Vec::new(),
            trace: None,
        };
        play.feed(Event::Started);
        for line in script.split_whitespace() {
            play.line(line);
        }
        assert_eq!(play.story.join(", "), expected, "{script}");
        for branch in 0..3 {
            let report = play.health.report(branch, &Default::default(), play.now);
            assert!(
                play.trace.is_none() || report.queued == 0,
                "an attempt was left running: {script}"
            );
        }
        play.trace.unwrap_or_else(|| Trace {
            id: String::new(),
            strategy: String::new(),
            order: Vec::new(),
            allow: None,
            reason: None,
            attempts: Vec::new(),
        })
    }
}

struct Play<'a> {
    run: Run,
    plan: &'a Plan,
    health: &'a mut Health,
    now: f64,
    alarm: Option<f64>,
    story: Vec<String>,
    trace: Option<Trace>,
}

impl Play<'_> {
    /// Runs one step of a script: `0:say` (content), `0:empty`, `0:think`, `0:call`,
    /// `answer={"order":["device"]}`, `0:say=-0.1,-2` (with log-probabilities), `0:done`,
    /// `0:done=12` (tokens written), `0:fail=UNAVAILABLE`, `0:fail=RESOURCE_EXHAUSTED/CODE@1000`
    /// (retry after), `good`, `bad`, `abort`, `throw`, `wait=100`.
    fn line(&mut self, line: &str) {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let Some((attempt, name)) = name.split_once(':').filter(|_| name != "answer") else {
            return match name {
                "good" => self.feed(Event::Judged(true)),
                "bad" => self.feed(Event::Judged(false)),
                "answer" => self.feed(Event::Answered(value)),
                "abort" => self.feed(Event::Aborted),
                "throw" => self.feed(Event::CallerThrew),
                "wait" => self.wait(value.parse().unwrap()),
                _ => panic!("no such line: {line}"),
            };
        };
        let attempt: usize = attempt.parse().unwrap();
        let logprobs: Vec<f64> = value.split(',').filter_map(|it| it.parse().ok()).collect();
        match name {
            "say" => self.speak(attempt, Heard { text: 3, ..Heard::default() }, &logprobs),
            "empty" => self.speak(attempt, Heard::default(), &logprobs),
            "call" => self.speak(attempt, Heard { other: 1, ..Heard::default() }, &[]),
            "think" => self.speak(attempt, Heard { reasoning: 3, ..Heard::default() }, &[]),
            "done" => {
                let usage = Usage { output_tokens: value.parse().ok(), ..Usage::default() };
                self.feed(Event::Finished {
                    attempt,
                    summary: Summary { usage, ..Summary::default() },
                });
            }
            "fail" => {
                let (head, after) = value.split_once('@').unwrap_or((value, ""));
                let (status, code) = head.split_once('/').unwrap_or((head, ""));
                let mut error = Error::new(Status::parse(status).unwrap(), "as scripted");
                error.code = (!code.is_empty()).then(|| code.to_owned().into());
                error.retry_after_ms = after.parse().ok();
                self.feed(Event::Failed { attempt, error, routing: None });
            }
            _ => panic!("no such line: {line}"),
        }
    }

    fn speak(&mut self, attempt: usize, heard: Heard, logprobs: &[f64]) {
        self.feed(Event::Spoke { attempt, heard, logprobs });
    }

    /// Advances the time; the timer fires when it is due.
    fn wait(&mut self, time: f64) {
        let end = self.now + time;
        while let Some(at) = self.alarm.filter(|&at| at <= end) {
            self.alarm = None;
            self.now = at;
            self.feed(Event::Woke);
        }
        self.now = end;
    }

    fn feed(&mut self, event: Event<'_>) {
        for action in self.run.feed(event, self.now, self.plan, self.health) {
            let line = match action {
                Action::Ask { question } => format!("ask {question:?}"),
                Action::Start { branch, streaming: true, .. } => format!("start {branch}"),
                Action::Start { branch, streaming: false, .. } => format!("run {branch}"),
                Action::Stop { attempt, reason } => format!("stop {attempt} {}", word(reason)),
                Action::Extend { attempt } => format!("extend {attempt}"),
                Action::Show { attempt } => format!("show {attempt}"),
                Action::Judge { attempt, .. } => format!("judge {attempt}"),
                Action::Wake { at } => {
                    self.alarm = Some(at);
                    continue;
                }
                Action::Finish { attempt, whole, trace, .. } => {
                    self.trace = Some(trace);
                    format!("answer {attempt}{}", if whole { " whole" } else { "" })
                }
                Action::Fail { error, trace, .. } => {
                    self.trace = Some(trace);
                    format!("fail {}", error.status.as_str())
                }
            };
            self.story.push(line);
        }
    }
}

fn word(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Aborted => "aborted",
        StopReason::Deadline => "late",
        StopReason::Overtaken => "overtaken",
        StopReason::Unsure => "unsure",
    }
}

/// Formats a trace in short form: `device failed UNAVAILABLE, cloud answered`.
pub(super) fn outcomes(trace: &Trace) -> String {
    let attempts = trace.attempts.iter().map(|it| {
        let outcome =
            format!("{:?}", it.outcome.expect("every attempt of a finished run has ended"));
        let status = it.status.map(|it| format!(" {}", it.as_str())).unwrap_or_default();
        format!("{} {}{status}", it.branch, outcome.to_lowercase())
    });
    attempts.collect::<Vec<_>>().join(", ")
}
