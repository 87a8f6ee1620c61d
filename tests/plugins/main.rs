//! Plugins through their host: the contract, kills at every frame, lies, back-pressure, secrets, and the command.

mod command;
mod contract;
mod decoder;
mod flow;
mod hostile;
mod kills;
mod patient;
mod places;
mod secrets;
