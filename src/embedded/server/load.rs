//! From options to a server: the model loaded, the engine started, the whole of `dcudeck engine serve`.

use super::{App, BACKLOG, Defaults, Facts, Model, Presented, ReasoningParser, block_on, listening, serve_http, signalled};
use crate::{
    base::{Problem, Secret},
    embedded::{
        adapter::Adapter,
        api::{Gauges, Handle, Refused, Request},
        bundled,
        engine::{self, Engine},
        listen::{self, Listening},
        loader::{Generation, LoadError, Loaded, Source},
    },
    openai::engine::{BUNDLED, EngineSpec},
    said,
    text::{ChatTemplate, Tokenizer},
};
use std::{path::Path, sync::Arc};

/// A loaded model behind its engine.
struct Served {
    engine: Engine,
    tokenizer: Tokenizer,
    template: Option<ChatTemplate>,
    facts: Facts,
}

impl Model for Served {
    fn submit(&self, request: Request) -> Result<Handle, Refused> {
        self.engine.submit(request)
    }

    fn gauges(&self) -> Gauges {
        self.engine.gauges()
    }

    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref()
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// A folder, unless it is the name of what this binary carries and no such folder is here.
fn source(path: &Path, carried: &str) -> Source {
    if path.as_os_str() == carried && !path.exists() { Source::Bundled } else { Source::Folder(path.to_owned()) }
}

/// The reasoning parser by its name.
fn reasoning_parser(options: &EngineSpec) -> Result<Option<ReasoningParser>, Problem> {
    let Some(name) = &options.reasoning_parser else { return Ok(None) };
    name.parse().map(Some).map_err(|_| {
        Problem::bad_input("engine.reasoning_parser", said!("no reasoning parser is named {name:?}", "没有名为 {name:?} 的推理解析器"))
            .field("--reasoning-parser")
            .fix(said!("the one known is deepseek_r1", "目前只有 deepseek_r1"))
    })
}

/// Loads the model and its adapters and starts the engine.
///
/// # Errors
/// A folder that is no model or no adapter of it, an option out of range.
pub fn load(options: &EngineSpec, api_key: Option<Secret>) -> Result<App, Problem> {
    for (field, value) in
        [("--max-num-seqs", options.max_num_seqs), ("--threads", options.threads), ("--max-model-len", options.max_model_len.unwrap_or(1))]
    {
        if value == 0 {
            return Err(Problem::bad_input("engine.option", said!("must be at least 1", "必须不小于 1")).field(field));
        }
    }
    let (wanted, reasoning_parser) = (options.adapters()?, reasoning_parser(options)?);
    let problem = |error: LoadError| error.problem();
    let loaded = Loaded::open(&source(&options.model, BUNDLED), options.max_model_len).map_err(problem)?;
    let mut adapters = Vec::new();
    for (name, path) in &wanted {
        adapters.push(Adapter::open(&source(path, bundled::ADAPTER), name, &loaded.model).map_err(problem)?);
    }
    let presented = Presented {
        name: options.name(),
        adapters: adapters.iter().map(|adapter| (Arc::clone(&adapter.name), adapter.root.clone())).collect(),
        reasoning_parser,
        api_key,
    };
    let facts = facts(&loaded);
    let mut running = engine::Options::new(options.max_num_seqs, loaded.max_model_len);
    running.threads = options.threads;
    let engine = Engine::start(loaded.model, adapters, running)
        .map_err(|error| Problem::failed("engine.start", said!("the engine cannot start: {error}", "引擎无法启动：{error}")))?;
    App::new(Arc::new(Served { engine, tokenizer: loaded.tokenizer, template: loaded.template, facts }), presented)
}

fn facts(loaded: &Loaded) -> Facts {
    let config = loaded.model.config();
    // The tokenizer's own; where it has none, the first that the model names.
    let eos = loaded.tokenizer.eos().or_else(|| config.eos.first().copied());
    let Generation { temperature, top_p, top_k, max_new_tokens, .. } = loaded.generation;
    Facts {
        root: loaded.root.clone(),
        max_model_len: loaded.max_model_len,
        vocab_size: config.vocab_size,
        eos,
        other_eos: config.eos.iter().copied().filter(|id| Some(*id) != eos).collect(),
        defaults: Defaults { temperature, top_p, top_k, max_tokens: max_new_tokens },
    }
}

/// Serves in the foreground until SIGINT or SIGTERM; streams under way then get two more seconds. `said` is called once it listens.
///
/// # Errors
/// A port in use (told before the model is read), a model that cannot be served.
pub fn serve(options: &EngineSpec, api_key: Option<Secret>, said: impl FnOnce(&Listening)) -> Result<(), Problem> {
    let reserved = listen::reserve(&options.host.to_string(), options.port)?;
    let app = Arc::new(load(options, api_key)?);
    block_on(|| async {
        let listener = reserved.listen(BACKLOG)?;
        said(&listening(&listener, app.name())?);
        serve_http(app, listener, signalled()).await
    })?
}
