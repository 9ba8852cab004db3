//! A few seeds of the simulation, for whoever changes something; `simulate` runs as many as one has time for.

use fanfare_testkit::simulation;

#[test]
fn a_few_seeds() {
    for seed in 0..12 {
        for shards in [1, 2, 4] {
            if let Err(wrong) = simulation::run(seed, shards) {
                panic!("{wrong}");
            }
        }
    }
}
