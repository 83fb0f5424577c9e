//! Operations on steps that only write down what they did (`runner`), and every workflow on two
//! whole sites with mock clouds and arrays (the others).

mod by_itself;
mod faults;
mod others;
mod preempted;
mod rescue;
mod returns;
mod runner;
mod stories;
mod world;
