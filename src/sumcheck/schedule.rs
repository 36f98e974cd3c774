//! Which rounds each pass covers, and from which round on arrays are held: by a budget and a model of what things cost.

use super::budget::Budget;
use super::costs::COSTS;
use super::instance::{MAX_WINDOW, Source, SumcheckInstance, UsedColumn};
use crate::field::SumcheckField;

/// A prover's passes: one for each window of rounds, and one that stores the arrays. No proof depends on it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Schedule {
    /// n.
    pub rounds: u32,
    /// How many rounds each pass before the storing one covers, in order.
    pub windows: Vec<u32>,
    /// Columns bound: those that any instance reads.
    pub columns: usize,
    /// The bytes of the stored arrays.
    pub array_bytes: u64,
    /// The model's cost of each pass, the storing one last, in field products a row.
    pub pass_costs: Vec<f64>,
    /// The model's cost of the rounds on stored arrays, in field products a row.
    pub linear_cost: f64,
}

impl Schedule {
    /// The round whose arrays are stored; the rounds from it on take no pass. n if none is left: the last pass evaluates.
    pub fn storing_round(&self) -> u32 {
        self.windows.iter().sum()
    }

    /// Passes over the witness, the storing one included.
    pub fn passes(&self) -> u32 {
        self.windows.len() as u32 + 1
    }
}

/// What a proof's parts cost, in field products, by [`COSTS`].
#[derive(Debug)]
pub(super) struct Model<'a, F> {
    instances: &'a [&'a dyn SumcheckInstance<F>],
    /// Cells regenerated.
    stored: f64,
    columns: usize,
    rounds: u32,
}

impl<F> core::fmt::Debug for dyn SumcheckInstance<F> + '_ {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SumcheckInstance")
    }
}

impl<'a, F: SumcheckField> Model<'a, F> {
    pub(super) fn new(
        instances: &'a [&'a dyn SumcheckInstance<F>],
        columns: &[UsedColumn],
        rounds: u32,
    ) -> Self {
        let stored = columns.iter().filter(|column| matches!(column.source, Source::Stored(_))).count();
        Self { instances, stored: stored as f64, columns: columns.len(), rounds }
    }

    /// How many rounds the first window may have: every instance's integers bear them. At least one.
    pub(super) fn integer_rounds(&self) -> u32 {
        self.instances.iter().map(|instance| instance.integer_rounds()).min().unwrap_or(1).max(1)
    }

    /// The cheapest schedule whose arrays fit the budget. O(n).
    pub(super) fn plan(&self, budget: Budget) -> Schedule {
        let least = budget.storing_round::<F>(self.columns, self.rounds);
        let integer_rounds = self.integer_rounds();
        // best[i]: the least cost of covering the rounds before i by passes, and the last window there.
        let mut best: Vec<(f64, u32)> = vec![(0.0, 0)];
        for end in 1..=self.rounds {
            let windows = 1..=MAX_WINDOW.min(end);
            let costs = windows.filter(|window| *window < end || *window <= integer_rounds).map(|window| {
                let start = end - window;
                (best[start as usize].0 + self.pass(start, window), window)
            });
            best.push(costs.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::INFINITY, 1)));
        }
        let total = |round: &u32| best[*round as usize].0 + self.store(*round) + self.linear(*round);
        let storing =
            (least..=self.rounds).min_by(|a, b| total(a).total_cmp(&total(b))).unwrap_or(self.rounds);
        let mut windows = Vec::new();
        let mut end = storing;
        while end > 0 {
            let window = best[end as usize].1;
            windows.push(window);
            end -= window;
        }
        windows.reverse();
        self.schedule(windows)
    }

    /// A schedule of these windows.
    pub(super) fn schedule(&self, windows: Vec<u32>) -> Schedule {
        let mut start = 0;
        let mut pass_costs = Vec::with_capacity(windows.len() + 1);
        for window in &windows {
            pass_costs.push(self.pass(start, *window));
            start += window;
        }
        pass_costs.push(self.store(start));
        Schedule {
            rounds: self.rounds,
            windows,
            columns: self.columns,
            array_bytes: super::budget::array_bytes::<F>(self.columns, self.rounds.saturating_sub(start)),
            pass_costs,
            linear_cost: self.linear(start),
        }
    }

    fn instances(&self, round: u32, window: u32) -> f64 {
        let cost: f64 = self.instances.iter().map(|instance| instance.cost(window, round == 0)).sum();
        cost / 2f64.powi((round + window) as i32)
    }

    /// A pass that covers `window` rounds from `round` on.
    fn pass(&self, round: u32, window: u32) -> f64 {
        let fold = if round == 0 { 0.0 } else { self.fold(round) };
        self.regenerate() + fold + self.instances(round, window)
    }

    fn store(&self, round: u32) -> f64 {
        self.regenerate() + self.fold(round) + COSTS.stored * self.columns as f64 / 2f64.powi(round as i32)
    }

    fn regenerate(&self) -> f64 {
        COSTS.row + COSTS.cell * self.stored
    }

    fn fold(&self, round: u32) -> f64 {
        (COSTS.folded_cell + COSTS.folded_entry / 2f64.powi(round as i32)) * self.stored
    }

    fn linear(&self, from: u32) -> f64 {
        let round = |round| {
            self.instances(round, 1).max(0.0)
                + COSTS.bound * self.columns as f64 / 2f64.powi(round as i32 + 1)
        };
        // Round 0 on arrays is on field elements, and not on integers.
        let first = if from == 0 && self.rounds > 0 {
            let cost: f64 = self.instances.iter().map(|instance| instance.cost(1, false)).sum();
            cost / 2.0 + COSTS.bound * self.columns as f64 / 2.0
        } else {
            0.0
        };
        first + (from.max(1)..self.rounds).map(round).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use ark_bn254::Fr;

    use super::*;
    use crate::isa::{Column, ColumnId, ColumnSource, RangeClass};
    use crate::sumcheck::tests::all_windows;
    use crate::sumcheck::{Composition, LinearForm, Sum, ZeroCheck};

    fn columns() -> Vec<UsedColumn> {
        let shape = Column {
            name: "test",
            doc: "",
            class: RangeClass::Unsigned { bits: 32 },
            source: ColumnSource::Recorded,
        };
        (0..24).map(|at| UsedColumn { shape, source: Source::Stored(at) }).collect()
    }

    fn plans(budget: impl Fn(u32) -> Budget) -> Vec<Schedule> {
        let columns = columns();
        let shapes: Vec<Column> = columns.iter().map(|column| column.shape).collect();
        let form = |at: u16| LinearForm { constant: 0, terms: vec![(ColumnId(at), 1)] };
        let terms = (0..20u16).map(|at| (Fr::from(at), vec![vec![form(at), form(at + 1)]]));
        let zero =
            ZeroCheck::new(Composition::new(&shapes, terms).expect("it fits"), vec![]).expect("it is zero");
        let instances: [&dyn SumcheckInstance<Fr>; 1] = [&zero];
        (0..28).map(|n| Model::new(&instances, &columns, n).plan(budget(n))).collect()
    }

    #[test]
    fn schedules_cover_all_rounds_within_the_budget() {
        for (n, schedule) in (0..).zip(plans(|n| Budget::sqrt::<Fr>(24, n))) {
            assert!(schedule.storing_round() >= n / 2 && schedule.storing_round() <= n, "{n}: {schedule:?}");
            assert!(schedule.windows.iter().all(|window| (1..=MAX_WINDOW).contains(window)));
            assert!(schedule.array_bytes <= (24 * 32) << n.div_ceil(2), "{n}: {schedule:?}");
            assert_eq!(schedule.pass_costs.len(), schedule.passes() as usize);
            assert!(n != 22 || schedule.passes() <= 6, "{schedule:?}");
        }
        for (n, schedule) in (0..).zip(plans(|_| Budget::Bytes(1))) {
            assert_eq!(schedule.storing_round(), n);
        }
    }

    #[test]
    fn a_plan_is_the_cheapest_of_all_schedules_within_the_budget() {
        let columns = columns();
        let shapes: Vec<Column> = columns.iter().map(|column| column.shape).collect();
        for coefficient in [1, 1 << 29] {
            let form = LinearForm { constant: 0, terms: vec![(ColumnId(0), coefficient)] };
            let terms = [(Fr::from(1u64), vec![vec![form.clone(), form]])];
            let sum = Sum::new(Composition::new(&shapes, terms).expect("it fits"), Fr::from(0u64));
            let instances: [&dyn SumcheckInstance<Fr>; 1] = [&sum];
            for rounds in 0..=9 {
                let model = Model::new(&instances, &columns[..1], rounds);
                let cost =
                    |schedule: &Schedule| schedule.pass_costs.iter().sum::<f64>() + schedule.linear_cost;
                for bytes in [0, 32, 64, 100, 32 << 4, 32 << 9, u64::MAX] {
                    let fits = |schedule: &Schedule| {
                        schedule.array_bytes <= bytes || schedule.storing_round() == rounds
                    };
                    let all = all_windows(rounds, instances[0].integer_rounds()).into_iter();
                    let fitting = all.map(|windows| model.schedule(windows)).filter(fits);
                    let least = fitting.map(|schedule| cost(&schedule)).min_by(f64::total_cmp);
                    let plan = model.plan(Budget::Bytes(bytes));
                    assert!(fits(&plan), "{plan:?}");
                    let least = least.expect("the one that stores nothing fits");
                    assert!((cost(&plan) - least).abs() < 1e-9 * least, "{least}: {plan:?}");
                }
            }
        }
    }

    /// Integers that fit one round only make the first window one round.
    #[test]
    fn large_integers_shorten_the_first_window() {
        let columns = columns();
        let shapes: Vec<Column> = columns.iter().map(|column| column.shape).collect();
        let form = LinearForm { constant: 0, terms: vec![(ColumnId(0), 1 << 29)] };
        let terms = [(Fr::from(1u64), vec![vec![form.clone(), form]])];
        let sum = Sum::new(Composition::new(&shapes, terms).expect("it fits"), Fr::from(0u64));
        let instances: [&dyn SumcheckInstance<Fr>; 1] = [&sum];
        assert_eq!(instances[0].integer_rounds(), 1);
        let schedule = Model::new(&instances, &columns[..1], 20).plan(Budget::sqrt::<Fr>(1, 20));
        assert_eq!(schedule.windows[0], 1, "{schedule:?}");
    }
}
