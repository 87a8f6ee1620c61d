//! The local web page, asked over HTTP and used in Chromium: what it shows, what it refuses, what it never runs.

mod attacks;
mod http;
mod pages;
mod samples;
mod stage;
mod window;
