//! Compiles the .proto files with protox, so that no protoc is needed, and keeps their descriptors for the REST face.

use std::path::PathBuf;

use prost::Message as _;

const FILES: [&str; 20] = [
    "holdfast/v1/meta.proto",
    "holdfast/v1/node.proto",
    "holdfast/v1/queue.proto",
    "holdfast/v1/job.proto",
    "holdfast/v1/artifact.proto",
    "holdfast/v1/law.proto",
    "holdfast/v1/transaction.proto",
    "holdfast/v1/scheduling.proto",
    "holdfast/v1/cluster.proto",
    "holdfast/v1/controller.proto",
    "holdfast/v1/release.proto",
    "holdfast/v1/reservation.proto",
    "holdfast/internal/v1/raft.proto",
    "holdfast/internal/v1/health.proto",
    "holdfast/internal/v1/agent.proto",
    "holdfast/internal/v1/data.proto",
    "holdfast/internal/v1/join.proto",
    "holdfast/store/v1/backup.proto",
    "holdfast/store/v1/command.proto",
    "holdfast/store/v1/record.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_transport(false)
        .btree_map(".")
        // Controllers hold hundreds of thousands of artifacts, and most were made by no job.
        .boxed(".holdfast.v1.ArtifactSpec.lineage")
        .emit_rerun_if_changed(false)
        .compile_fds(descriptors)?;
    Ok(())
}
