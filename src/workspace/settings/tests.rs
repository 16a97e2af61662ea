use super::*;
use std::{fs, path::Path};

fn gather(flags: &[(&'static str, &str)], env: &[(&str, &str)], files: &[PathBuf]) -> (Settings, Vec<String>) {
    let flags: Vec<(&'static str, String)> = flags.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    let env = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let (settings, problems) = layers::gather(&flags, &env, files);
    (settings, problems.iter().map(ToString::to_string).collect())
}

fn source(settings: &Settings, name: &str) -> String {
    settings.values().iter().find(|value| value.setting.name == name).map(|value| value.source.to_string()).expect("in the table")
}

fn written(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).expect("writes");
    path
}

#[test]
fn every_layer_overrides_the_weaker_ones_and_is_named_as_source() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let near = written(dir.path(), "dcudeck.toml", "# mine\ntheme = \"light\"\nmouse = \"off\"\nfps = 5\n");
    let far = written(dir.path(), "config.toml", "fps = 2\ntheme = \"mono\"\nmouse = \"on\"\nlang = \"zh\"\nascii = true\n");
    let (settings, problems) =
        gather(&[("theme", "16")], &[("DCUDECK_THEME", "dark"), ("DCUDECK_MOUSE", "auto")], &[near.clone(), far.clone()]);
    assert_eq!(problems, [""; 0]);
    assert_eq!((settings.theme(), settings.mouse(), settings.fps(), settings.lang()), (Theme::Ansi16, When::Auto, 5, Lang::Zh));
    assert_eq!((settings.ascii(), settings.read_only()), (When::On, false));
    for (name, from) in [
        ("theme", "--theme".to_owned()),
        ("mouse", "$DCUDECK_MOUSE".to_owned()),
        ("fps", format!("{}:4", near.display())),
        ("lang", format!("{}:4", far.display())),
        ("read_only", "built in".to_owned()),
    ] {
        assert_eq!(source(&settings, name), from);
    }
}

#[test]
fn a_mistake_in_a_file_is_told_with_line_key_and_mend_and_the_rest_holds() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let file = written(
        dir.path(),
        "dcudeck.toml",
        "fps = 99\ntheem = \"dark\"\ncolor = true\n\nlang = \"cn\"\nread_only = \"yes\"\nmouse = \"of\"\nascii = true\n[deep]\na = 1\n",
    );
    let (settings, problems) = gather(&[], &[], std::slice::from_ref(&file));
    let at = file.display();
    assert_eq!(
        problems,
        [
            format!("{at}:1: fps: 99 is no value of fps; it is a whole number from 1 to 30"),
            format!("{at}:2: theem: unknown setting; did you mean theme?"),
            format!("{at}:3: color: true is no value of color; it is one of \"auto\", \"on\", \"off\""),
            format!("{at}:5: lang: \"cn\" is no value of lang; it is one of \"auto\", \"zh\", \"en\""),
            format!("{at}:6: read_only: \"yes\" is no value of read_only; it is true or false"),
            format!("{at}:7: mouse: \"of\" is no value of mouse; it is one of \"auto\", \"on\", \"off\""),
            format!("{at}:9: deep: unknown setting; settings are lang, theme, color, ascii, mouse, fps, read_only"),
        ]
    );
    assert_eq!((settings.ascii(), settings.fps()), (When::On, 10));
}

#[test]
fn a_file_that_is_not_toml_is_told_with_its_line() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let file = written(dir.path(), "dcudeck.toml", "fps = 5\nlang = \n");
    let (_, problems) = gather(&[], &[], std::slice::from_ref(&file));
    assert!(problems.first().is_some_and(|problem| problem.starts_with(&format!("{}:2: not TOML: ", file.display()))), "{problems:?}");
    // A file that cannot be read as text at all.
    fs::write(&file, b"\xff\xfe").expect("writes");
    let (_, problems) = gather(&[], &[], std::slice::from_ref(&file));
    assert!(problems.first().is_some_and(|problem| problem.contains("cannot be read")), "{problems:?}");
}

#[test]
fn flags_and_variables_are_checked_as_files_are() {
    let (_, problems) = gather(&[("fps", "0")], &[("DCUDECK_LANG", "klingon"), ("DCUDECK_ASCII", "maybe")], &[]);
    assert_eq!(
        problems,
        [
            "--fps: \"0\" is no value of fps; it is a whole number from 1 to 30",
            "DCUDECK_LANG: \"klingon\" is no value of lang; it is one of \"auto\", \"zh\", \"en\"",
            "DCUDECK_ASCII: \"maybe\" is no value of ascii; it is true, false or \"auto\"",
        ]
    );
}

#[test]
fn no_color_means_off_unless_something_nearer_says_otherwise() {
    let (settings, _) = gather(&[], &[("NO_COLOR", "1")], &[]);
    assert_eq!((settings.color(), source(&settings, "color").as_str()), (When::Off, "$NO_COLOR"));
    let (settings, _) = gather(&[("color", "on")], &[("NO_COLOR", "1")], &[]);
    assert_eq!(settings.color(), When::On);
}

#[test]
fn an_automatic_language_follows_the_locale() {
    let lang = |env: &[(&str, &str)]| gather(&[], env, &[]).0.lang();
    assert_eq!(lang(&[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
    assert_eq!(lang(&[("LC_ALL", "C.UTF-8"), ("LANG", "zh_CN.UTF-8")]), Lang::En);
    assert_eq!(lang(&[]), Lang::En);
    assert_eq!(lang(&[("DCUDECK_LANG", "en"), ("LANG", "zh_CN.UTF-8")]), Lang::En);
}

#[test]
fn every_built_in_value_is_a_legal_one_and_prints_as_its_type() {
    let mut flags = Vec::new();
    for setting in SETTINGS {
        assert!(setting.help.en.is_ascii() && !setting.help.zh.is_ascii());
        assert_eq!(setting.flag, format!("--{}", setting.name.replace('_', "-")));
        flags.push((setting.name, setting.default));
    }
    let (settings, problems) = gather(&flags, &[], &[]);
    assert_eq!(problems, [""; 0]);
    let json: Vec<serde_json::Value> = settings.values().iter().map(Value::json).collect();
    assert_eq!(serde_json::json!(json), serde_json::json!(["auto", "auto", "auto", "auto", "auto", 10, false]));
}
