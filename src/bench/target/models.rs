//! The models a server lists: which is loaded, and whether the lengths asked for fit it.

use super::ask::{Answer, Asked};
use crate::{
    base::Problem,
    bench::{
        schedule,
        spec::{self, Spec},
    },
    openai::ApiError,
    said,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Models {
    data: Vec<Model>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Model {
    id: String,
    max_model_len: Option<u64>,
    parent: Option<String>,
}

/// The list in an answer to `/v1/models`; empty of a server that has none.
pub(super) fn list(asked: &Asked<'_>, answer: &Answer) -> Result<Vec<Model>, Problem> {
    let text = asked.url;
    match answer {
        Answer { status: 200, body, .. } => match serde_json::from_slice::<Models>(body) {
            Ok(models) => Ok(models.data),
            Err(_) => Err(Problem::bad_input(
                "bench.not_openai",
                said!(
                    "{text} answers, but not as an OpenAI-compatible server (/v1/models)",
                    "{text} 有响应，但不是 OpenAI 兼容服务（/v1/models）"
                ),
            )
            .fix(said!("check the address and its port", "请检查地址与端口"))),
        },
        // A proxy may serve completions and nothing else.
        Answer { status: 404 | 405, .. } => Ok(Vec::new()),
        Answer { status, body, .. } => {
            let message = ApiError::from_body(*status, body, asked.key).message;
            let problem = Problem::bad_input(
                "bench.refused",
                said!("{text}/v1/models answers HTTP {status}: {message}", "{text}/v1/models 返回 HTTP {status}：{message}"),
            );
            Err(match status {
                401 | 403 => problem.fix(said!(
                    "give the key in DCUDECK_API_KEY or with --api-key-file",
                    "请通过 DCUDECK_API_KEY 或 --api-key-file 提供密钥"
                )),
                _ => problem.fix(said!("see the server's log", "请查看服务器日志")),
            })
        }
    }
}

/// The model of that name, or the first, and its context length.
pub(super) fn choose(text: &str, models: &[Model], wanted: Option<&str>) -> Result<(String, Option<u64>), Problem> {
    let found = match wanted {
        // No list: the request itself will tell.
        Some(name) if models.is_empty() => return Ok((name.to_owned(), None)),
        Some(name) => models.iter().find(|m| m.id == name).ok_or_else(|| {
            let served = models.iter().map(|m| m.id.as_str()).collect::<Vec<_>>().join(", ");
            Problem::bad_input("bench.model_not_served", said!("{text} does not serve the model {name}", "{text} 未提供模型 {name}"))
                .field("--model")
                .fix(said!("it serves: {served}", "可用模型：{served}"))
        }),
        None => models.first().ok_or_else(|| {
            Problem::bad_input("bench.no_model", said!("{text} lists no model", "{text} 未列出任何模型"))
                .field("--model")
                .fix(said!("name the model with --model", "请用 --model 指定模型"))
        }),
    }?;
    // vLLM gives an adapter no length of its own.
    let parent = || models.iter().find(|m| Some(&m.id) == found.parent.as_ref()).and_then(|m| m.max_model_len);
    Ok((found.id.clone(), found.max_model_len.or_else(parent)))
}

/// Whether the lengths of `spec` fit a context of so many tokens.
pub(super) fn fits(spec: &Spec, max_model_len: Option<u64>) -> Result<(), Problem> {
    let (Some(context), spec::Prompts::Random(random)) = (max_model_len, &spec.prompts) else { return Ok(()) };
    // Turns add up; the longest length of a range is what has to fit.
    let longest = |len: u32| schedule::whole(f64::from(len) * (1.0 + random.range_ratio)).saturating_mul(u64::from(random.turns));
    let (input, output) = (longest(random.input_len), longest(spec.output_len));
    if matches!(spec.load, spec::Load::Trace { .. }) || input.saturating_add(output) <= context {
        return Ok(());
    }
    Err(Problem::bad_input(
        "bench.too_long",
        said!(
            "{input} prompt tokens and {output} output tokens do not fit the model's context of {context}",
            "{input} 个输入词元加 {output} 个输出词元超出模型上下文 {context}"
        ),
    )
    .fix(said!("ask for shorter prompts or answers", "请缩短输入或输出长度")))
}
