//! Writes the generated code of `vmplumb.v1` from compiled descriptors; runs no protoc.
//!
//! `xtask client DESCRIPTORS OUT_DIR SECRET...`: the messages and the client. SECRET names a message that may carry
//! secrets. Such a one prints as its name alone, since prost knows nothing of `debug_redact`.
//!
//! `xtask rules DESCRIPTORS OUT_DIR`: the rules of requests, and the messages that they are judged on.

use std::{env, error::Error, fmt::Write, fs, path::Path};

use buffa::Message as _;
use buffa_codegen::generated::{compiler::CodeGeneratorRequest, descriptor};
use buffa_codegen::CodeGenConfig;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use protoc_gen_protovalidate_buffa::{emit, scan};

const HEAD: &str = "#![allow(missing_docs, clippy::all, rustdoc::all)]\n#![cfg_attr(rustfmt, rustfmt_skip)]\n";

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["client", descriptors, out_dir, secrets @ ..] => client(&fs::read(descriptors)?, out_dir, secrets),
        ["rules", descriptors, out_dir] => rules(&fs::read(descriptors)?, Path::new(out_dir)),
        _ => Err("usage: xtask client DESCRIPTORS OUT_DIR SECRET... | rules DESCRIPTORS OUT_DIR".into()),
    }
}

fn client(descriptors: &[u8], out_dir: &str, secrets: &[&str]) -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = secrets.iter().map(|name| format!(".{name}")).collect();
    tonic_prost_build::configure()
        .build_server(false)
        .out_dir(out_dir)
        .skip_debug(&paths)
        .compile_fds(FileDescriptorSet::decode(descriptors)?)?;
    let made = Path::new(out_dir).join("vmplumb.v1.rs");
    let mut text = fs::read_to_string(&made)?;
    for name in secrets {
        let message = prost_name(name.rsplit('.').next().unwrap_or(name));
        if !text.contains(&format!("pub struct {message} {{")) {
            return Err(format!("no struct {message} for {name}").into());
        }
        write!(
            text,
            "impl ::core::fmt::Debug for {message} {{\n    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> \
             ::core::fmt::Result {{\n        f.debug_struct(\"{message}\").finish_non_exhaustive()\n    }}\n}}\n"
        )?;
    }
    fs::write(made, format!("{HEAD}{text}"))?;
    Ok(())
}

fn rules(descriptors: &[u8], out_dir: &Path) -> Result<(), Box<dyn Error>> {
    let proto_file = descriptor::FileDescriptorSet::decode_from_slice(descriptors)?.file;
    let ours = proto_file.iter().filter(|one| one.package.as_deref() == Some("vmplumb.v1"));
    let file_to_generate: Vec<String> = ours.filter_map(|one| one.name.clone()).collect();
    let mut config = CodeGenConfig::default();
    config.preserve_unknown_fields = false;
    config.generate_with_setters = false;
    config.emit_register_fn = false;
    let (messages, _) = buffa_codegen::generate_with_diagnostics(&proto_file, &file_to_generate, &config)?;
    fs::create_dir_all(out_dir.join("messages"))?;
    for one in messages {
        fs::write(out_dir.join("messages").join(one.name), one.content)?;
    }
    let request = CodeGeneratorRequest { proto_file, file_to_generate, ..Default::default() };
    fs::create_dir_all(out_dir.join("rules"))?;
    for one in emit::render_with_options(&scan::gather(&request)?, &emit::Options::default())? {
        fs::write(out_dir.join("rules").join(one.name.unwrap_or_default()), one.content.unwrap_or_default())?;
    }
    Ok(())
}

/// Rust's name for a message: prost writes an acronym as a word ("CNIArg" is `CniArg`).
fn prost_name(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let upper = |at: usize| letters.get(at).is_some_and(|one| one.is_ascii_uppercase());
    let lower = |at: usize| letters.get(at).is_some_and(|one| one.is_ascii_lowercase());
    let inside = |at: usize| at > 0 && upper(at) && upper(at - 1) && !lower(at + 1);
    let word = |at: usize| if inside(at) { letters[at].to_ascii_lowercase() } else { letters[at] };
    (0..letters.len()).map(word).collect()
}
