"""The openai Python client against a server: models, chat and completions, streamed and not, an adapter, each kind of error.

usage: openai_client.py URL      (a dcudeck engine serving eye-tiny and eye-glaucoma with --reasoning-parser deepseek_r1)
"""

import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="none", max_retries=0)
print("openai", openai.__version__)
checks = 0


def check(what: str, ok: bool, seen: object = "") -> None:
    global checks
    checks += 1
    print(("ok    " if ok else "FAILED"), what, seen)
    if not ok:
        sys.exit(1)


models = [m.id for m in client.models.list().data]
check("models", models == ["eye-tiny", "eye-glaucoma"], models)

question = [{"role": "user", "content": "What are the symptoms of cataract?"}]
whole = client.chat.completions.create(model="eye-tiny", messages=question, temperature=0, max_tokens=96)
text = whole.choices[0].message.content
check("chat", bool(text) and whole.choices[0].finish_reason in ("stop", "length"), text)
check("usage", whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens, whole.usage.total_tokens)

pieces, usage, finish = [], None, None
stream = client.chat.completions.create(
    model="eye-tiny", messages=question, temperature=0, max_tokens=96, stream=True, stream_options={"include_usage": True}
)
for chunk in stream:
    usage = chunk.usage or usage
    for choice in chunk.choices:
        pieces.append(choice.delta.content or "")
        finish = choice.finish_reason or finish
check("streamed chat says the same", "".join(pieces) == text, finish)
check("streamed usage counts the same", usage.completion_tokens == whole.usage.completion_tokens, usage.completion_tokens)

done = client.completions.create(model="eye-tiny", prompt="白内障", max_tokens=8, temperature=0, extra_body={"ignore_eos": True})
check("completions of exact length", done.usage.completion_tokens == 8 and done.choices[0].finish_reason == "length")
again = client.completions.create(model="eye-tiny", prompt="白内障", max_tokens=8, temperature=1, seed=7)
same = client.completions.create(model="eye-tiny", prompt="白内障", max_tokens=8, temperature=1, seed=7)
check("a seed repeats", again.choices[0].text == same.choices[0].text, repr(same.choices[0].text))

asked = [{"role": "user", "content": "青光眼有什么症状？"}]
base = client.chat.completions.create(model="eye-tiny", messages=asked, temperature=0, max_tokens=96).choices[0].message.content
tuned = client.chat.completions.create(model="eye-glaucoma", messages=asked, temperature=0, max_tokens=96).choices[0].message.content
check("the adapter answers otherwise", base != tuned, f"{base!r} / {tuned!r}")

for what, error, call in [
    ("unknown model", openai.NotFoundError, lambda: client.chat.completions.create(model="nope", messages=question)),
    ("negative temperature", openai.BadRequestError, lambda: client.chat.completions.create(model="eye-tiny", messages=question, temperature=-1)),
    ("too long", openai.BadRequestError, lambda: client.completions.create(model="eye-tiny", prompt=[5] * 100000)),
]:
    try:
        call()
        check(what, False, "no error")
    except error as e:
        check(what, True, e.status_code)
print(f"{checks} passed, 0 failed")
