//! From a spec to the form's fields and back.

use super::{
    super::{parse, plan},
    Field, Form,
};
use crate::{
    base::Said,
    bench::spec::{Endpoint, Matrix, Over, Prompts, Random, SaveTokens, Search, Spec},
};
use std::path::PathBuf;

impl Form {
    /// Fills every field from `spec`.
    pub(super) fn fill(&mut self, spec: &Spec) {
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

    /// The spec the form describes; `None` while a field is wrong.
    pub(in crate::console::tabs::load) fn spec(&self) -> Option<Spec> {
        if self.first_fault().is_some() { None } else { self.made() }
    }

    /// The spec of fields that are each right for themselves.
    pub(super) fn made(&self) -> Option<Spec> {
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
    pub(in crate::console::tabs::load) fn estimate(&self) -> Option<Said> {
        Some(plan::sentence(&self.spec()?))
    }
}

/// What a matrix starts from.
pub(super) fn starting_matrix() -> Matrix {
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
pub(super) const fn starting_search() -> Search {
    Search { over: Over::Concurrency, from: 1.0, to: 256.0, within_pct: 5.0, step_s: 30.0, to_saturation: false, drain_s: 60.0 }
}
