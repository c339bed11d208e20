//! Compiles `proto/bank/v1/*.proto` with protox, so that no `protoc` has to be installed.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new("../../proto");
    let protos = ["bank", "branch", "operator"].map(|name| root.join(format!("bank/v1/{name}.proto")));
    println!("cargo:rerun-if-changed={}", root.display());
    let descriptors = protox::compile(&protos, [root])?;
    tonic_prost_build::configure()
        // Channels are built by their users, who set deadlines and socket options.
        .build_transport(false)
        .codec_path("crate::codec::SmallBuffers")
        .compile_fds(descriptors)?;
    Ok(())
}
