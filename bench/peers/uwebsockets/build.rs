//! Names what uWebSockets stands on; its bindings leave that to whoever links them.

fn main() {
    for library in ["uv", "z", "ssl", "crypto", "stdc++"] {
        println!("cargo:rustc-link-lib={library}");
    }
}
