//! The console, as browsers, curl and attackers meet it.

mod admission;
mod browser;
mod changes;
mod origin;
mod pages;
mod scene;
mod sign_in;
mod start;
mod webdriver;
