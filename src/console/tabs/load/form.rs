//! The form of a new load test: texts as typed, what is wrong with them, and the spec they make.

use super::{parse, plan};
use crate::{
    base::{Lang, Said},
    bench::spec::{Endpoint, Matrix, Over, Prompts, Random, SaveTokens, Search, Spec},
    console::news::Server,
    said,
};
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
    Prefix,
    Turns,
    Cold,
    Load,
    Cap,
    Until,
    Warmup,
    Seed,
    Errors,
    Save,
    Ttft,
    Tpot,
    Itl,
    E2el,
    Series,
    CellInput,
    CellOutput,
    CellLoad,
    Repeats,
    Range,
    StepTime,
    Knee,
}

impl Field {
    /// All of them, in order.
    pub(super) const ALL: [Self; 28] = [
        Self::Target,
        Self::Model,
        Self::Api,
        Self::Prompts,
        Self::Input,
        Self::Output,
        Self::Prefix,
        Self::Turns,
        Self::Cold,
        Self::Load,
        Self::Cap,
        Self::Until,
        Self::Warmup,
        Self::Seed,
        Self::Errors,
        Self::Save,
        Self::Ttft,
        Self::Tpot,
        Self::Itl,
        Self::E2el,
        Self::Series,
        Self::CellInput,
        Self::CellOutput,
        Self::CellLoad,
        Self::Repeats,
        Self::Range,
        Self::StepTime,
        Self::Knee,
    ];

    /// What it can be, when it is one of a few.
    pub(super) const fn choices(self) -> &'static [&'static str] {
        match self {
            Self::Api => &["completions", "chat"],
            Self::Cold | Self::Knee => &["no", "yes"],
            Self::Save => &["sample", "all", "none"],
            Self::Series => &["single run", "matrix", "search"],
            _ => &[],
        }
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
        self.put(Field::Load, parse::load_text(&spec.load));
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
        let (prefix, turns) = match &spec.prompts {
            Prompts::Random(random) => (random.prefix_ratio * 100.0, random.turns.to_string()),
            Prompts::File { multi_turn, .. } => (0.0, if *multi_turn { "all" } else { "1" }.to_owned()),
        };
        self.put(Field::Prefix, ((prefix * 1e6).round() / 1e6).to_string());
        self.put(Field::Turns, turns);
        let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
        self.put(Field::Cold, yes(spec.cold));
        self.put(Field::Cap, spec.max_concurrency.map(|cap| cap.to_string()).unwrap_or_default());
        self.put(Field::Errors, spec.limits.max_error_rate_pct.to_string());
        let save = match spec.save_tokens {
            SaveTokens::All => "all",
            SaveTokens::Sample => "sample",
            SaveTokens::None => "none",
        };
        self.put(Field::Save, save.to_owned());
        self.fill_series(spec);
    }

    /// The fields of a matrix and of a search; those the spec has not start with something that can be run.
    fn fill_series(&mut self, spec: &Spec) {
        let series = match (&spec.matrix, &spec.search) {
            (Some(_), _) => "matrix",
            (None, Some(_)) => "search",
            (None, None) => "single run",
        };
        self.put(Field::Series, series.to_owned());
        let list = |numbers: &[u32]| numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        let matrix = spec.matrix.clone().unwrap_or_else(starting_matrix);
        self.put(Field::CellInput, list(&matrix.input_len));
        self.put(Field::CellOutput, list(&matrix.output_len));
        let rates = matrix.rate.iter().map(|rate| format!("{rate}/s")).collect::<Vec<_>>().join(" ");
        self.put(Field::CellLoad, if matrix.rate.is_empty() { list(&matrix.concurrency) } else { rates });
        self.put(Field::Repeats, matrix.repeats.to_string());
        let search = spec.search.unwrap_or_else(starting_search);
        let unit = if search.over == Over::Rate { "/s" } else { "" };
        self.put(Field::Range, format!("{}..{}{unit}", search.from, search.to));
        self.put(Field::StepTime, search.step_s.to_string());
        self.put(Field::Knee, if search.to_saturation { "yes" } else { "no" }.to_owned());
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
        let shown = self.fields();
        let at = shown.iter().position(|&field| field == self.cursor).unwrap_or(0);
        self.cursor = shown.get(at.saturating_add_signed(fields)).copied().unwrap_or(self.cursor);
    }

    /// The fields that mean something as the form stands: those of a matrix or a search only for one.
    pub(super) fn fields(&self) -> Vec<Field> {
        let series = self.text(Field::Series);
        Field::ALL
            .into_iter()
            .filter(|field| match field {
                Field::CellInput | Field::CellOutput | Field::CellLoad | Field::Repeats => series == "matrix",
                Field::Range | Field::StepTime | Field::Knee => series == "search",
                _ => true,
            })
            .collect()
    }

    /// Whether random prompts are asked, so that [`Field::Input`] means something.
    pub(super) fn random(&self) -> bool {
        self.text(Field::Prompts).is_empty()
    }

    /// Changes the choice under the cursor to the next (or previous) one; true if there is a choice.
    pub(super) fn choose(&mut self, servers: &[Server], forward: bool) -> bool {
        match self.cursor {
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
            field => {
                let all = field.choices();
                let here = all.iter().position(|choice| *choice == self.text(field)).unwrap_or(0);
                let next = if forward { here + 1 } else { here + all.len().max(1) - 1 } % all.len().max(1);
                all.get(next).is_some_and(|choice| self.set(field, choice))
            }
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
            Field::Model | Field::Api | Field::Prompts | Field::Cold | Field::Save | Field::Series | Field::Knee => None,
            Field::Prefix | Field::Errors => (!text.parse::<f64>().is_ok_and(|pct| (0.0..=100.0).contains(&pct)))
                .then(|| said!("no share from 0 to 100 %", "不是 0 到 100 % 的占比")),
            Field::Turns if text == "all" && !self.random() => None,
            Field::Turns => (!text.parse::<u32>().is_ok_and(|n| (1..=1_000).contains(&n) && (n == 1 || self.random())))
                .then(|| said!("random: 1 to 1,000; a file: 1 or all", "随机：1 到 1,000；文件：1 或 all")),
            Field::Cap if text.is_empty() => None,
            Field::Cap => match (text.parse::<u32>(), parse::load(self.text(Field::Load)).is_ok_and(|load| load.closed())) {
                (Ok(1..=65_536), false) => None,
                (_, true) => Some(said!("users are the cap already; leave empty", "用户数已是上限；请留空")),
                _ => Some(said!("no request count; empty for no cap", "不是请求数；留空表示不限")),
            },
            Field::CellInput | Field::CellOutput => parse::numbers(text).err(),
            Field::CellLoad => parse::loads(text).err(),
            Field::Repeats => (!text.parse::<u32>().is_ok_and(|n| (1..=100).contains(&n))).then(|| said!("1 to 100 times", "1 到 100 次")),
            Field::Range => parse::range(text).err(),
            Field::StepTime => (!text.parse::<f64>().is_ok_and(|s| s > 0.0 && s <= 86_400.0)).then(|| said!("no seconds", "不是秒数")),
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
        let own = self.fields().into_iter().find_map(|field| Some((field, self.fault(field)?)));
        own.or_else(|| {
            // What fields say together: the engine's own rules.
            let problem = self.made()?.check().err()?;
            let about = if self.text(Field::Series) == "search" { Field::Range } else { Field::Load };
            Some((about, Said { en: problem.sentence(Lang::En), zh: problem.sentence(Lang::Zh) }))
        })
    }

    /// The spec the form describes; `None` while a field is wrong.
    pub(super) fn spec(&self) -> Option<Spec> {
        if self.first_fault().is_some() { None } else { self.made() }
    }

    /// The spec of fields that are each right for themselves.
    fn made(&self) -> Option<Spec> {
        let mut spec = self.base.clone();
        spec.name.clone_from(&self.profile);
        spec.target.url = parse::url(self.text(Field::Target)).ok()?;
        spec.target.model = Some(self.text(Field::Model)).filter(|model| !model.is_empty()).map(str::to_owned);
        spec.target.endpoint = if self.text(Field::Api) == "chat" { Endpoint::Chat } else { Endpoint::Completions };
        spec.prompts = if self.random() {
            let input_len = self.text(Field::Input).parse().ok()?;
            let mut random = match &self.base.prompts {
                Prompts::Random(random) => Random { input_len, ..random.clone() },
                Prompts::File { .. } => Random::of(input_len),
            };
            random.prefix_ratio = self.text(Field::Prefix).parse::<f64>().ok()? / 100.0;
            random.turns = self.text(Field::Turns).parse().ok()?;
            Prompts::Random(random)
        } else {
            Prompts::File { path: PathBuf::from(self.text(Field::Prompts)), multi_turn: self.text(Field::Turns) == "all" }
        };
        spec.cold = self.text(Field::Cold) == "yes";
        spec.max_concurrency = self.text(Field::Cap).parse().ok();
        spec.limits.max_error_rate_pct = self.text(Field::Errors).parse().ok()?;
        spec.save_tokens = match self.text(Field::Save) {
            "all" => SaveTokens::All,
            "none" => SaveTokens::None,
            _ => SaveTokens::Sample,
        };
        spec.matrix = if self.text(Field::Series) == "matrix" { Some(self.matrix()?) } else { None };
        spec.search = if self.text(Field::Series) == "search" { Some(self.search()?) } else { None };
        spec.output_len = self.text(Field::Output).parse().ok()?;
        spec.load = parse::load(self.text(Field::Load)).ok()?;
        (spec.requests, spec.duration_s) = parse::until(self.text(Field::Until)).ok()?;
        spec.warmup = self.text(Field::Warmup).parse().ok()?;
        spec.seed = self.text(Field::Seed).parse().ok()?;
        spec.slo.ttft_ms = parse::goal(self.text(Field::Ttft)).ok()?;
        spec.slo.tpot_ms = parse::goal(self.text(Field::Tpot)).ok()?;
        spec.slo.itl_ms = parse::goal(self.text(Field::Itl)).ok()?;
        spec.slo.e2el_ms = parse::goal(self.text(Field::E2el)).ok()?;
        Some(spec)
    }

    fn matrix(&self) -> Option<Matrix> {
        let mut matrix = self.base.matrix.clone().unwrap_or_else(starting_matrix);
        matrix.input_len = parse::numbers(self.text(Field::CellInput)).ok()?;
        matrix.output_len = parse::numbers(self.text(Field::CellOutput)).ok()?;
        (matrix.concurrency, matrix.rate) = parse::loads(self.text(Field::CellLoad)).ok()?;
        matrix.repeats = self.text(Field::Repeats).parse().ok()?;
        Some(matrix)
    }

    fn search(&self) -> Option<Search> {
        let mut search = self.base.search.unwrap_or_else(starting_search);
        (search.from, search.to, search.over) = parse::range(self.text(Field::Range)).ok()?;
        search.step_s = self.text(Field::StepTime).parse().ok()?;
        search.to_saturation = self.text(Field::Knee) == "yes";
        Some(search)
    }

    /// What the run will send, in one line; `None` while a field is wrong.
    pub(super) fn estimate(&self) -> Option<Said> {
        Some(plan::sentence(&self.spec()?))
    }
}

/// What a matrix starts from.
fn starting_matrix() -> Matrix {
    Matrix {
        input_len: vec![128, 512, 2_048],
        output_len: vec![128],
        concurrency: vec![1, 8, 32],
        rate: Vec::new(),
        repeats: 1,
        requests_per_user: 4,
        cold: true,
        drain_s: 60.0,
    }
}

/// What a search starts from.
const fn starting_search() -> Search {
    Search { over: Over::Concurrency, from: 1.0, to: 256.0, within_pct: 5.0, step_s: 30.0, to_saturation: false, drain_s: 60.0 }
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
        assert_eq!(Form::new(&spec.name, &spec).spec(), Some(spec.clone()));
        spec.prompts = Prompts::Random(Random { prefix_ratio: 0.29, prefix_groups: 4, turns: 3, ..Random::of(256) });
        spec.load = crate::bench::spec::Load::Gamma { rate: 8.0, burstiness: 0.5 };
        (spec.cold, spec.max_concurrency, spec.save_tokens) = (true, Some(64), SaveTokens::All);
        spec.limits.max_error_rate_pct = 2.5;
        assert_eq!(Form::new(&spec.name, &spec).spec(), Some(spec.clone()));
        spec.matrix = Some(Matrix { repeats: 3, drain_s: 9.0, ..starting_matrix() });
        assert_eq!(Form::new(&spec.name, &spec).spec(), Some(spec.clone()));
        (spec.matrix, spec.search) = (None, Some(Search { over: Over::Rate, from: 0.5, within_pct: 2.0, ..starting_search() }));
        assert_eq!(Form::new(&spec.name, &spec).spec(), Some(spec));
    }

    #[test]
    fn the_fields_of_a_series_are_there_when_it_is_one() {
        let mut form = Form::new("quick", &made_up::spec());
        assert!(!form.fields().contains(&Field::CellLoad));
        form.cursor = Field::Series;
        form.choose(&[], true);
        assert!(form.fields().contains(&Field::CellLoad) && !form.fields().contains(&Field::Range));
        form.set(Field::CellLoad, "1 16");
        assert_eq!(form.estimate().unwrap().en, "6 cells · 7,200 requests");
        form.choose(&[], true);
        assert!(form.fields().contains(&Field::Range));
    }

    #[test]
    fn a_bad_value_is_named_and_no_spec_is_made_of_it() {
        for (field, bad) in [
            (Field::Target, ""),
            (Field::Target, "ftp://host"),
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
