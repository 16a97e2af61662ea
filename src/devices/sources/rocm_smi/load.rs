//! Where the library lies.

use super::bindings::Rsmi;
use crate::{devices::Trouble, said};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// File names, Hygon's first: its name has stayed the same across drivers.
const NAMES: &[&str] =
    &["librocm_smi64.so.2", "librocm_smi64.so.7", "librocm_smi64.so.6", "librocm_smi64.so.5", "librocm_smi64.so.1", "librocm_smi64.so"];

/// Below a DTK (`/opt/dtk`, `/opt/dtk-25.04`).
const BELOW_DTK: &[&str] = &["rocm_smi/lib", ".hyhal/rocm_smi/lib", ".hyhal/lib", "lib"];

/// The library that can be loaded, and its file as it was found.
pub(super) fn load() -> Result<(Rsmi, String), Trouble> {
    let mut last = None;
    for file in candidates() {
        // SAFETY: the library runs initialisers when it is loaded; it is the vendor's, in a process of its own.
        match unsafe { Rsmi::new(&file) } {
            Ok(rsmi) => {
                let name = file.display().to_string();
                return match lacking(&rsmi) {
                    None => Ok((rsmi, name)),
                    Some(function) => Err(Trouble::new(
                        "rsmi.functions",
                        said!("{name} has no function {function}: not a rocm_smi library", "{name} 缺少函数 {function}：不是 rocm_smi 库"),
                    )),
                };
            }
            // A file that is there and cannot be loaded says more than the loader's "no such file".
            Err(error) if file.is_file() => last = Some(error.to_string()),
            Err(_) => {}
        }
    }
    let why = last.unwrap_or_else(|| "librocm_smi64.so: no such file".to_owned());
    let why = crate::base::clean(&why);
    Err(Trouble::new("rsmi.none", said!("no rocm_smi library: {why}", "没有 rocm_smi 库：{why}")))
}

/// The first function without which no card can be told from another.
fn lacking(rsmi: &Rsmi) -> Option<&'static str> {
    [
        ("rsmi_init", rsmi.rsmi_init.is_ok()),
        ("rsmi_shut_down", rsmi.rsmi_shut_down.is_ok()),
        ("rsmi_num_monitor_devices", rsmi.rsmi_num_monitor_devices.is_ok()),
        ("rsmi_dev_pci_id_get", rsmi.rsmi_dev_pci_id_get.is_ok()),
        ("rsmi_dev_memory_total_get", rsmi.rsmi_dev_memory_total_get.is_ok()),
        ("rsmi_dev_memory_usage_get", rsmi.rsmi_dev_memory_usage_get.is_ok()),
    ]
    .into_iter()
    .find_map(|(name, there)| (!there).then_some(name))
}

/// `RSMI_LIB` alone when it is set; else the vendors' folders, then names for the loader.
fn candidates() -> Vec<PathBuf> {
    if let Some(file) = env::var_os("RSMI_LIB").filter(|file| !file.is_empty()) {
        return vec![file.into()];
    }
    let mut folders = vec![PathBuf::from("/opt/hyhal/lib")];
    for dtk in dtks(Path::new("/opt")) {
        folders.extend(BELOW_DTK.iter().map(|below| dtk.join(below)));
    }
    folders.extend(["/opt/rocm/lib", "/opt/rocm/rocm_smi/lib"].map(PathBuf::from));
    let in_folders = folders.iter().flat_map(|folder| NAMES.iter().map(|name| folder.join(name))).filter(|file| file.is_file());
    in_folders.chain(NAMES.iter().map(PathBuf::from)).collect()
}

/// Every DTK below `opt`; the one without a version is what the administrator chose.
fn dtks(opt: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(opt) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("dtk")))
        .collect();
    found.sort_by_key(|path| (path.as_os_str().len(), std::cmp::Reverse(path.clone())));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dtk_without_a_version_comes_first_then_the_newest() {
        let opt = tempfile::tempdir().expect("temporary folder");
        for name in ["dtk-24.04", "dtk", "dtk-25.04", "other"] {
            fs::create_dir(opt.path().join(name)).expect("mkdir");
        }
        let names: Vec<_> = dtks(opt.path()).iter().map(|path| path.file_name().expect("has one").to_string_lossy().into_owned()).collect();
        assert_eq!(names, ["dtk", "dtk-25.04", "dtk-24.04"]);
    }
}
