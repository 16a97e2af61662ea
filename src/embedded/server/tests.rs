//! Tests over real sockets: a scripted engine, the tiny model's tokenizer, a raw client.

mod answers;
mod captures;
mod edges;
mod engine;

use super::{run::LAST_WORDS, *};
use crate::embedded::{
    api::{Event, Finish, Gauges, Handle, Refused, Timing, Token},
    listen,
    raw::{Raw, get, post, post_with},
};
use crate::text::{ChatTemplate, Tokenizer};
use serde_json::Value;
use std::{collections::VecDeque, thread::JoinHandle};
use tokio::sync::{mpsc, oneshot};

/// What a scripted sequence says. `None` leaves it to the test, which gets the sender.
type Script = Box<dyn Fn(&crate::embedded::api::Request) -> Option<Vec<u32>> + Send + Sync>;

/// A model whose engine says what the test wants and whose tokenizer is the tiny model's.
pub(in crate::embedded) struct Scripted {
    facts: Facts,
    tokenizer: Tokenizer,
    template: Option<ChatTemplate>,
    script: Script,
    /// Sequences submitted, with their senders when the script left them to the test.
    asked: Mutex<VecDeque<(crate::embedded::api::Request, Option<mpsc::UnboundedSender<Event>>)>>,
}

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/models/eye-tiny");
/// `<｜end▁of▁sentence｜>`.
const EOS: u32 = 1;

impl Scripted {
    fn new(script: impl Fn(&crate::embedded::api::Request) -> Option<Vec<u32>> + Send + Sync + 'static) -> Arc<Self> {
        let tokenizer = Tokenizer::from_folder(FOLDER.as_ref()).expect("the tiny tokenizer");
        let template = ChatTemplate::from_folder(FOLDER.as_ref()).expect("the tiny template");
        let facts = Facts {
            root: "/data/project/tiny-qwen2-vllm".to_owned(),
            max_model_len: 2048,
            vocab_size: 2048,
            eos: Some(EOS),
            other_eos: vec![2],
            defaults: Defaults::default(),
        };
        Arc::new(Self { facts, tokenizer, template, script: Box::new(script), asked: Mutex::default() })
    }

    /// Says `text` and then the end of sequence.
    pub(in crate::embedded) fn saying(text: &str) -> Arc<Self> {
        let text = text.to_owned();
        let model = Self::new(|_| None);
        let ids = model.ids(&text);
        let mut model = Arc::into_inner(model).expect("the only one");
        model.script = Box::new(move |_| Some([ids.as_slice(), &[EOS]].concat()));
        Arc::new(model)
    }

    fn ids(&self, text: &str) -> Vec<u32> {
        self.tokenizer.encode(text, false).expect("encodes")
    }

    /// The next sequence submitted, waited for.
    fn submitted(&self) -> (crate::embedded::api::Request, Option<mpsc::UnboundedSender<Event>>) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(next) = self.asked.lock().expect("lock").pop_front() {
                return next;
            }
            assert!(Instant::now() < deadline, "nothing was submitted");
            std::thread::yield_now();
        }
    }
}

fn token(id: u32, logprobs: Option<usize>) -> Event {
    let top = |k: usize| (0..k).map(|i| (id + u32::try_from(i).expect("small"), -1.0 - i as f32)).collect();
    Event::Token(Token { id, logprobs: logprobs.map(|k| (-1.0, top(k))) })
}

fn done(finish: Finish) -> Event {
    let now = Instant::now();
    Event::Done { finish, timing: Timing { arrived: now, scheduled: now, first_token: now, last_token: now } }
}

impl Model for Scripted {
    fn submit(&self, request: crate::embedded::api::Request) -> Result<Handle, Refused> {
        let (sender, events) = mpsc::unbounded_channel();
        let script = (self.script)(&request);
        let kept = match script {
            None => Some(sender),
            Some(ids) => {
                let _ = sender.send(Event::Started(Instant::now()));
                let mut finish = Finish::Length;
                for id in ids.into_iter().take(request.max_tokens) {
                    let _ = sender.send(token(id, request.sampling.logprobs));
                    if id == EOS && !request.ignore_eos {
                        finish = Finish::Stop;
                        break;
                    }
                }
                let _ = sender.send(done(finish));
                None
            }
        };
        self.asked.lock().expect("lock").push_back((request, kept));
        Ok(Handle { events })
    }

    fn gauges(&self) -> Gauges {
        Gauges { running: 1, num_blocks: 100, block_size: 16, ..Gauges::default() }
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref()
    }
}

/// The names of the captures.
pub(in crate::embedded) fn presented() -> Presented {
    let adapters = ["boot-lora", "hot-lora"].map(|name| (Arc::from(name), "/data/project/tiny-qwen2-vllm-lora".to_owned()));
    Presented { name: "tiny-qwen2".to_owned(), adapters: adapters.into(), ..Presented::default() }
}

/// A server on a thread of its own.
struct Running {
    address: String,
    app: Arc<App>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// Serves `model`.
fn start(model: &Arc<Scripted>, change: impl FnOnce(&mut Presented)) -> Running {
    let mut presented = presented();
    change(&mut presented);
    run(Arc::new(App::new(Arc::clone(model) as Arc<dyn Model>, presented).expect("presentable")))
}

fn run(app: Arc<App>) -> Running {
    let listener = listen::open("127.0.0.1", 0, 64).expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = Arc::clone(&app);
    let thread = std::thread::spawn(move || {
        let stopped = async {
            let _ = stopped.await;
        };
        block_on(|| serve_http(served, listener, stopped)).expect("a runtime").expect("served");
    });
    Running { address, app, stop, thread }
}

impl Running {
    fn raw(&self) -> Raw {
        Raw::connect(&self.address)
    }

    fn stop(self) {
        let _ = self.stop.send(());
        self.thread.join().expect("served");
    }
}

/// Waits for what another thread does.
pub(in crate::embedded) fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

/// A chat request; `more` is further fields, each followed by a comma.
fn chat(more: &str) -> Vec<u8> {
    post("/v1/chat/completions", &format!(r#"{{{more}"messages":[{{"role":"user","content":"hi"}}]}}"#))
}

/// A completion request likewise.
fn completion(more: &str) -> Vec<u8> {
    post("/v1/completions", &format!(r#"{{{more}"prompt":"hi"}}"#))
}
