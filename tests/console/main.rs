//! The console, as browsers, curl and attackers meet it.

mod admission;
mod album;
mod browser;
mod changes;
mod consumers;
mod fixture;
mod fleet;
mod groups;
mod looks;
mod origin;
mod pages;
mod sign_in;
mod start;
mod waiting;
mod webdriver;
