//! Generates the wire types from `proto/`: messages and services (prost, tonic), their canonical JSON (pbjson) and the
//! encoded descriptor set. The compiler is protox, in Rust: no protoc is needed.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message;

/// Roots of what is compiled; imports follow.
const PACKAGES: [&str; 2] = ["systemlog/v1", "google/rpc"];
/// Where the descriptor set is written, below `OUT_DIR`.
const DESCRIPTORS: &str = "descriptors.binpb";

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("..");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed=build.rs");
    let mut files = Vec::new();
    for package in PACKAGES {
        let folder = root.join(package);
        println!("cargo:rerun-if-changed={}", folder.display());
        files.extend(proto_files(&folder)?);
    }
    files.sort();

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_source_info(true).include_imports(true).open_files(&files)?;
    // Encoded by the compiler itself, the set keeps what prost's own types do not know.
    let encoded = compiler.encode_file_descriptor_set();
    fs::write(out.join(DESCRIPTORS), &encoded)?;
    let set = prost_types::FileDescriptorSet::decode(encoded.as_slice())?;

    // The codec counts by what the descriptors say of a message's name.
    let mut names = tonic_prost_build::Config::new();
    names.enable_type_names();

    // The well-known types come from pbjson-types, which knows their JSON; but for times, which it writes with an offset.
    tonic_prost_build::configure()
        .compile_well_known_types(true)
        .extern_path(".google.protobuf", "::pbjson_types")
        .extern_path(".google.protobuf.Timestamp", "crate::Timestamp")
        .bytes(".systemlog.v1")
        .codec_path("crate::codec::CountedCodec")
        .compile_fds_with_config(set, names)?;
    pbjson_build::Builder::new()
        .register_descriptors(&encoded)?
        .extern_path(".google.protobuf", "::pbjson_types")
        .extern_path(".google.protobuf.Timestamp", "crate::Timestamp")
        .build(&[".systemlog", ".google.rpc"])?;
    Ok(())
}

fn proto_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(files)
}
