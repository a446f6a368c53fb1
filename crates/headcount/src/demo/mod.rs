//! stub
use crate::arguments::DemoArguments;
use crate::config::environment::Environment;
use crate::failure::Failure;
pub(crate) async fn run(_: &DemoArguments, _: &Environment) -> Result<(), Failure> {
    Err(Failure::Server("no demo".to_owned()))
}
