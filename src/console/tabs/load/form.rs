//! The form of a new load test: texts as typed, what is wrong with them, and the spec they make.

use super::parse;
use crate::{
    base::Said,
    bench::spec::{Endpoint, Prompts, Spec},
    console::news::Server,
    said,
};
use dcudeck_widgets::figure;
use std::path::PathBuf;

/// One field, in the order in which j and k visit them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Target,
    Model,
    Api,
    Prompts,
    Input,
    Output,
    Load,
    Until,
    Warmup,
    Seed,
    Ttft,
    Tpot,
    Itl,
    E2el,
}

impl Field {
    /// All of them, in order.
    pub(super) const ALL: [Self; 14] = [
        Self::Target,
        Self::Model,
        Self::Api,
        Self::Prompts,
        Self::Input,
        Self::Output,
        Self::Load,
        Self::Until,
        Self::Warmup,
        Self::Seed,
        Self::Ttft,
        Self::Tpot,
        Self::Itl,
        Self::E2el,
    ];

    fn stepped(self, by: isize) -> Self {
        let at = Self::ALL.iter().position(|&field| field == self).unwrap_or(0);
        Self::ALL.get(at.saturating_add_signed(by)).copied().unwrap_or(self)
    }
}

/// The form.
#[derive(Debug, Clone)]
pub(super) struct Form {
    /// What the fields do not show: name, limits, key file, `ignore_eos`.
    base: Spec,
    values: [String; Field::ALL.len()],
    /// The field the cursor is on.
    pub(super) cursor: Field,
    /// Profile the values came from.
    pub(super) profile: String,
    /// Values were changed since.
    pub(super) changed: bool,
}

impl Form {
    /// The form filled from `spec`, known as `profile`.
    pub(super) fn new(profile: &str, spec: &Spec) -> Self {
        let mut form = Self {
            base: spec.clone(),
            values: std::array::from_fn(|_| String::new()),
            cursor: Field::Load,
            profile: profile.to_owned(),
            changed: false,
        };
        form.fill(spec);
        form
    }

    /// Takes over another profile; the target stays unless the profile names one.
    pub(super) fn apply(&mut self, profile: &str, spec: &Spec) {
        let (target, model) = (self.text(Field::Target).to_owned(), self.text(Field::Model).to_owned());
        self.base = spec.clone();
        self.fill(spec);
        if spec.target.url.is_empty() {
            self.put(Field::Target, target);
            if spec.target.model.is_none() {
                self.put(Field::Model, model);
            }
        }
        profile.clone_into(&mut self.profile);
        self.changed = false;
    }

    fn fill(&mut self, spec: &Spec) {
        let plain = |v: Option<f64>| v.map(|v| v.to_string()).unwrap_or_default();
        self.put(Field::Target, spec.target.url.clone());
        self.put(Field::Model, spec.target.model.clone().unwrap_or_default());
        self.put(Field::Api, if spec.target.endpoint == Endpoint::Chat { "chat" } else { "completions" }.to_owned());
        match &spec.prompts {
            Prompts::Random(random) => {
                self.put(Field::Prompts, String::new());
                self.put(Field::Input, random.input_len.to_string());
            }
            Prompts::File { path, .. } => self.put(Field::Prompts, path.display().to_string()),
        }
        self.put(Field::Output, spec.output_len.to_string());
        self.put(
            Field::Load,
            match (spec.load.users(), spec.load.rate()) {
                (Some(users), _) => users.to_string(),
                (None, Some(rate)) => format!("{rate}/s"),
                (None, None) => String::new(),
            },
        );
        let until = match (spec.requests, spec.duration_s) {
            (Some(n), Some(s)) => format!("{n} {s}s"),
            (Some(n), None) => n.to_string(),
            (None, Some(s)) => format!("{s}s"),
            (None, None) => String::new(),
        };
        self.put(Field::Until, until);
        self.put(Field::Warmup, spec.warmup.to_string());
        self.put(Field::Seed, spec.seed.to_string());
        self.put(Field::Ttft, plain(spec.slo.ttft_ms));
        self.put(Field::Tpot, plain(spec.slo.tpot_ms));
        self.put(Field::Itl, plain(spec.slo.itl_ms));
        self.put(Field::E2el, plain(spec.slo.e2el_ms));
    }

    fn put(&mut self, field: Field, text: String) {
        if let Some(slot) = self.values.get_mut(field as usize) {
            *slot = text;
        }
    }

    /// What stands in `field`.
    pub(super) fn text(&self, field: Field) -> &str {
        self.values.get(field as usize).map_or("", String::as_str)
    }

    /// Writes `text` into `field`; true if that changed it.
    pub(super) fn set(&mut self, field: Field, text: &str) -> bool {
        let text = text.trim();
        if self.text(field) == text {
            return false;
        }
        self.put(field, text.to_owned());
        self.changed = true;
        true
    }

    /// Moves the cursor by `fields`, stopping at the ends.
    pub(super) fn step(&mut self, fields: isize) {
        self.cursor = self.cursor.stepped(fields);
    }

    /// Whether random prompts are asked, so that [`Field::Input`] means something.
    pub(super) fn random(&self) -> bool {
        self.text(Field::Prompts).is_empty()
    }

    /// Changes the choice under the cursor to the next (or previous) one; true if there is a choice.
    pub(super) fn choose(&mut self, servers: &[Server], forward: bool) -> bool {
        match self.cursor {
            Field::Api => {
                let other = if self.text(Field::Api) == "chat" { "completions" } else { "chat" };
                self.set(Field::Api, other)
            }
            Field::Target => {
                let servers: Vec<&Server> = servers.iter().filter(|server| server.url.is_some()).collect();
                let n = servers.len();
                if n == 0 {
                    return false;
                }
                let here = servers.iter().position(|server| server.url.as_deref() == Some(self.text(Field::Target)));
                let next = match (here, forward) {
                    (None, true) => 0,
                    (None, false) => n - 1,
                    (Some(i), true) => (i + 1) % n,
                    (Some(i), false) => (i + n - 1) % n,
                };
                servers.get(next).is_some_and(|server| self.aim(server))
            }
            _ => false,
        }
    }

    /// Makes `server` the target; true if it was not.
    pub(super) fn aim(&mut self, server: &Server) -> bool {
        let url = server.url.clone().unwrap_or_default();
        let changed = self.text(Field::Target) != url;
        self.put(Field::Target, url);
        self.put(Field::Model, server.model.clone().unwrap_or_default());
        changed
    }

    /// What is wrong with `field`, in one sentence.
    pub(super) fn fault(&self, field: Field) -> Option<Said> {
        let text = self.text(field);
        match field {
            Field::Target => parse::url(text).err(),
            Field::Model | Field::Api | Field::Prompts => None,
            Field::Input if !self.random() => None,
            Field::Input | Field::Output => match text.parse::<u32>() {
                Ok(1..=1_000_000) => None,
                _ => Some(said!("no token count from 1 to 1,000,000", "不是 1 到 1,000,000 的 token 数")),
            },
            Field::Load => parse::load(text).err(),
            Field::Until => parse::until(text).err(),
            Field::Warmup => (!text.parse::<u64>().is_ok_and(|n| n <= 1_000_000))
                .then(|| said!("no request count; 0 for none", "不是请求数；0 表示不预热")),
            Field::Seed => text.parse::<u64>().is_err().then(|| said!("no whole number", "不是整数")),
            Field::Ttft | Field::Tpot | Field::Itl | Field::E2el => parse::goal(text).err(),
        }
    }

    /// The first field with a fault, and the fault.
    pub(super) fn first_fault(&self) -> Option<(Field, Said)> {
        Field::ALL.into_iter().find_map(|field| Some((field, self.fault(field)?)))
    }

    /// The spec the form describes; `None` while a field is wrong.
    pub(super) fn spec(&self) -> Option<Spec> {
        let mut spec = self.base.clone();
        spec.name.clone_from(&self.profile);
        spec.target.url = parse::url(self.text(Field::Target)).ok()?;
        spec.target.model = Some(self.text(Field::Model)).filter(|model| !model.is_empty()).map(str::to_owned);
        spec.target.endpoint = if self.text(Field::Api) == "chat" { Endpoint::Chat } else { Endpoint::Completions };
        spec.prompts = if self.random() {
            Prompts::random(self.text(Field::Input).parse().ok()?)
        } else {
            Prompts::File { path: PathBuf::from(self.text(Field::Prompts)), multi_turn: false }
        };
        spec.output_len = self.text(Field::Output).parse().ok()?;
        spec.load = parse::load(self.text(Field::Load)).ok()?;
        (spec.requests, spec.duration_s) = parse::until(self.text(Field::Until)).ok()?;
        spec.warmup = self.text(Field::Warmup).parse().ok()?;
        spec.seed = self.text(Field::Seed).parse().ok()?;
        spec.slo.ttft_ms = parse::goal(self.text(Field::Ttft)).ok()?;
        spec.slo.tpot_ms = parse::goal(self.text(Field::Tpot)).ok()?;
        spec.slo.itl_ms = parse::goal(self.text(Field::Itl)).ok()?;
        spec.slo.e2el_ms = parse::goal(self.text(Field::E2el)).ok()?;
        self.first_fault().is_none().then_some(spec)
    }

    /// What the run will send, in one line; `None` while a field is wrong.
    pub(super) fn estimate(&self) -> Option<Said> {
        let spec = self.spec()?;
        let by_rate = match (spec.load.rate(), spec.duration_s) {
            (Some(rate), Some(seconds)) => Some((rate * seconds).ceil()),
            _ => None,
        };
        let by_count = spec.requests.map(|n| n as f64);
        let requests = match (by_count, by_rate) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        };
        let input = match &spec.prompts {
            Prompts::Random(random) => f64::from(random.input_len),
            Prompts::File { .. } => 0.0,
        };
        let each = input + f64::from(spec.output_len);
        let warmup = spec.warmup;
        let per_request = figure::compact(each);
        let Some(requests) = requests else {
            let seconds = spec.duration_s.unwrap_or_default();
            return Some(said!(
                "{seconds} s of sending · {warmup} warm-up requests · up to {per_request} tokens a request",
                "发送 {seconds} s · 预热 {warmup} 个请求 · 每请求最多 {per_request} token"
            ));
        };
        let tokens = figure::compact((requests + warmup as f64) * each);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a request count")]
        let requests = figure::count(requests as u64);
        let prompts = matches!(spec.prompts, Prompts::File { .. });
        Some(if prompts {
            said!(
                "{requests} requests + {warmup} warm-up · up to {tokens} output tokens, prompts beside",
                "{requests} 个请求 + 预热 {warmup} · 最多输出 {tokens} token，提示词另计"
            )
        } else {
            said!(
                "{requests} requests + {warmup} warm-up · {tokens} tokens at most",
                "{requests} 个请求 + 预热 {warmup} · 最多 {tokens} token"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::made_up, *};

    #[test]
    fn a_form_gives_back_the_spec_it_was_filled_from() {
        let mut spec = made_up::spec();
        assert_eq!(Form::new(&spec.name, &spec).spec(), Some(spec.clone()));
        spec.load = crate::bench::spec::Load::Rate(2.5);
        spec.prompts = Prompts::File { path: "prompts.jsonl".into(), multi_turn: false };
        spec.duration_s = Some(90.0);
        spec.target.endpoint = Endpoint::Chat;
        spec.slo.e2el_ms = None;
        assert_eq!(Form::new(&spec.name, &spec).spec(), Some(spec));
    }

    #[test]
    fn a_bad_value_is_named_and_no_spec_is_made_of_it() {
        for (field, bad) in [
            (Field::Target, ""),
            (Field::Target, "ftp://host"),
            (Field::Target, "https://host"),
            (Field::Target, "http://host/?key=1"),
            (Field::Target, "http://me:secret@host:1"),
            (Field::Input, "0"),
            (Field::Output, "many"),
            (Field::Load, "0"),
            (Field::Load, "-1/s"),
            (Field::Load, "NaN/s"),
            (Field::Until, ""),
            (Field::Until, "soon"),
            (Field::Until, "1 2"),
            (Field::Warmup, "-3"),
            (Field::Seed, "x"),
            (Field::Ttft, "0"),
            (Field::E2el, "inf"),
        ] {
            let mut form = Form::new("quick", &made_up::spec());
            form.set(field, bad);
            assert_eq!(form.first_fault().map(|(field, _)| field), Some(field), "{bad:?}");
            assert_eq!(form.spec(), None, "{field:?} {bad:?}");
        }
    }

    #[test]
    fn the_estimate_counts_warm_up_and_both_directions() {
        let mut form = Form::new("quick", &made_up::spec());
        form.set(Field::Until, "100");
        form.set(Field::Warmup, "10");
        form.set(Field::Input, "100");
        form.set(Field::Output, "50");
        assert_eq!(form.estimate().unwrap().en, "100 requests + 10 warm-up · 16.5 k tokens at most");
    }

    #[test]
    fn a_profile_without_a_target_keeps_the_chosen_one() {
        let mut form = Form::new("quick", &made_up::spec());
        form.set(Field::Target, "http://127.0.0.1:9000");
        let mut spec = made_up::spec();
        spec.target.url.clear();
        spec.target.model = None;
        form.apply("steady", &spec);
        assert_eq!(form.text(Field::Target), "http://127.0.0.1:9000");
        assert!(!form.changed);
    }
}
