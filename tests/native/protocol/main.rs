//! Whole dialogues with `git upload-pack --stateless-rpc`: the machines of `gitside::protocol`
//! speak, processes answer, `git index-pack` and git's own clones judge.
#![cfg(not(target_arch = "wasm32"))]

mod broken;
mod cloning;
mod dialogue;
