//! The bindings of `librocm_smi64` are what its header here gives.

use std::{
    env, fs,
    io::{self, Write as _},
    panic,
    path::PathBuf,
};

/// Blanks and commas before a closing bracket are rustfmt's, whose releases differ.
fn bare(code: &str) -> String {
    let code: String = code.split_whitespace().collect();
    code.replace(",)", ")").replace(",}", "}").replace(",>", ">")
}

#[test]
fn bindings_of_rocm_smi_are_those_of_the_header() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/devices/sources/rocm_smi");
    let made = panic::catch_unwind(|| {
        bindgen::Builder::default()
            .header(folder.join("rocm_smi.h").to_string_lossy())
            .raw_line("// Made from rocm_smi.h: DCUDECK_UPDATE=1 cargo test --test it bindings")
            .allowlist_function("rsmi_.*")
            .dynamic_library_name("Rsmi")
            .dynamic_link_require_all(false)
            .layout_tests(false)
            .generate_comments(false)
            .disable_header_comment()
            .rust_target(bindgen::RustTarget::stable(82, 0).expect("is a version"))
            .formatter(bindgen::Formatter::Rustfmt)
            .rustfmt_configuration_file(Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("rustfmt.toml")))
            .generate()
    });
    let Ok(made) = made else {
        // Past the capture of tests that pass: what was not tested is seen.
        let _ =
            writeln!(io::stderr(), "SKIPPED: no libclang here (apt-get install libclang-dev), the bindings of rocm_smi were not compared");
        return;
    };
    let made = made.expect("the header reads as C").to_string();
    let file = folder.join("bindings.rs");
    if env::var_os("DCUDECK_UPDATE").is_some() {
        fs::write(&file, &made).expect("writes");
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    assert!(bare(&kept) == bare(&made), "bindings.rs is stale; DCUDECK_UPDATE=1 cargo test --test it bindings makes it again");
}
