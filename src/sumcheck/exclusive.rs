//! Constraints that exclude each other: which may share a power of the challenge that batches them.
//!
//! Guards are mostly sums of flags of one one-hot column. In a row whose one-hot column has a given value, of several
//! constraints with disjoint guards at most one is not zero anyway; so their sum is zero only if each of them is, and
//! the prover has one sum where it had several.

use crate::isa::{Column, ColumnId, ColumnSource, Constraint, Linear, PublicColumn};

/// What a guard can depend on: whether the row is none of the padding, and the one-hot column's value.
#[derive(Clone, Copy, Debug)]
struct State {
    active: bool,
    value: u32,
}

/// The constraints by number, in batches of which in each row at most one member can be other than zero, given that the
/// other batches are zero.
///
/// A state (active, value) in which a constraint that depends on nothing else fails is caught by that constraint, which
/// has a batch of its own; disjoint supports are needed in the other states only.
pub(super) fn batches(columns: &[Column], constraints: &[Constraint]) -> Vec<Vec<usize>> {
    let alone = || (0..constraints.len()).map(|at| vec![at]).collect();
    let Some((one_hot, variants)) = most_used(columns, constraints) else { return alone() };
    let reader = Reader { columns, one_hot };
    let all =
        [false, true].into_iter().flat_map(|active| (0..=variants).map(move |value| State { active, value }));
    let states_only = |constraint: &Constraint| {
        constraint
            .products
            .iter()
            .flat_map(|product| product.factors)
            .all(|form| reader.reads_state_only(form))
    };
    let deciding: Vec<usize> = (0..constraints.len()).filter(|at| states_only(&constraints[*at])).collect();
    let holds =
        |state: &State| deciding.iter().all(|at| reader.constraint(&constraints[*at], *state) == Some(0));
    let states: Vec<State> = all.filter(holds).collect();
    let support = |at: usize| -> Vec<bool> {
        let holds = |state: &State| reader.constraint(&constraints[at], *state) == Some(0);
        states.iter().map(|state| deciding.contains(&at) || !holds(state)).collect()
    };
    let mut supports: Vec<(usize, Vec<bool>)> = (0..constraints.len()).map(|at| (at, support(at))).collect();
    // What holds for most states first: the others fill the gaps.
    supports.sort_by_key(|(at, support)| (support.iter().filter(|state| !**state).count(), *at));
    let mut batches: Vec<(Vec<usize>, Vec<bool>)> = Vec::new();
    for (at, support) in supports {
        let meets = |union: &[bool]| support.iter().zip(union).any(|(a, b)| *a && *b);
        // A deciding constraint keeps its batch to itself: another one that holds in every state that counts may fail where
        // the deciding one does, and make up for it.
        let joins = |batch: &[usize]| !batch.iter().chain([&at]).any(|member| deciding.contains(member));
        let fits = |batch: &&mut (Vec<usize>, Vec<bool>)| joins(&batch.0) && !meets(&batch.1);
        match batches.iter_mut().find(fits) {
            Some((members, union)) => {
                members.push(at);
                union.iter_mut().zip(&support).for_each(|(union, support)| *union |= support);
            }
            None => batches.push((vec![at], support)),
        }
    }
    batches.into_iter().map(|batch| batch.0).collect()
}

/// The one-hot column whose flags the constraints read most often, and its greatest value that has a flag.
fn most_used(columns: &[Column], constraints: &[Constraint]) -> Option<(ColumnId, u32)> {
    let forms =
        constraints.iter().flat_map(|constraint| constraint.products).flat_map(|product| product.factors);
    let mut uses: Vec<(ColumnId, usize)> = Vec::new();
    for (id, _) in forms.flat_map(|form| form.terms) {
        let Some(ColumnSource::Flag { of, .. }) = columns.get(id.index()).map(|column| column.source) else {
            continue;
        };
        match uses.iter_mut().find(|known| known.0 == of) {
            Some(known) => known.1 += 1,
            None => uses.push((of, 1)),
        }
    }
    let one_hot = uses.iter().max_by_key(|(id, uses)| (*uses, core::cmp::Reverse(id.index())))?.0;
    let values = columns.iter().filter_map(|column| match column.source {
        ColumnSource::Flag { of, value } if of == one_hot => Some(value),
        _ => None,
    });
    // No spec has so many groups; if one had, its constraints would stay apart.
    values.max().filter(|variants| *variants < 1 << 10).map(|variants| (one_hot, variants))
}

struct Reader<'a> {
    columns: &'a [Column],
    one_hot: ColumnId,
}

impl Reader<'_> {
    fn read(&self, id: ColumnId, state: State) -> Option<i64> {
        match self.columns.get(id.index())?.source {
            ColumnSource::Flag { of, value } if of == self.one_hot => Some(i64::from(value == state.value)),
            ColumnSource::Public(PublicColumn::Active) => Some(i64::from(state.active)),
            _ => None,
        }
    }

    fn reads_state_only(&self, form: &Linear) -> bool {
        form.terms.iter().all(|(id, _)| self.read(*id, State { active: false, value: 0 }).is_some())
    }

    /// The form's value in this state, if it depends on the state alone.
    fn form(&self, form: &Linear, state: State) -> Option<i128> {
        form.terms.iter().try_fold(i128::from(form.constant), |sum, (id, coefficient)| {
            Some(sum + i128::from(*coefficient) * i128::from(self.read(*id, state)?))
        })
    }

    /// The constraint's value in this state: zero if a factor of every product is; unknown if it depends on more.
    fn constraint(&self, constraint: &Constraint, state: State) -> Option<i128> {
        let mut sum = Some(0i128);
        for product in constraint.products {
            let factors: Vec<Option<i128>> =
                product.factors.iter().map(|factor| self.form(factor, state)).collect();
            let value = if factors.contains(&Some(0)) {
                Some(0)
            } else {
                factors.into_iter().try_fold(1i128, |value, factor| value.checked_mul(factor?))
            };
            sum = sum.zip(value).map(|(sum, value)| sum + value);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Product, RangeClass, Rv32i};

    /// A constraint, as the forms of its one product: constant, and columns with their coefficients.
    fn product(forms: &[(i64, &[(u16, i64)])]) -> Constraint {
        let form = |(constant, terms): &(i64, &[(u16, i64)])| {
            let terms: Vec<_> = terms.iter().map(|(column, by)| (ColumnId(*column), *by)).collect();
            Linear { constant: *constant, terms: terms.leak() }
        };
        let factors = forms.iter().map(form).collect::<Vec<_>>().leak();
        let products = vec![Product { factors }].leak();
        Constraint { name: "test", doc: "", text: "", products, degree: forms.len() as u32 }
    }

    const W: u16 = 1;
    const F1: u16 = 2;
    const F2: u16 = 3;
    const F3: u16 = 4;
    const ACTIVE: u16 = 5;
    const J1: u16 = 7;

    /// A one-hot column with three flags, a word, `active`, another one-hot column with one flag.
    fn columns() -> Vec<Column> {
        let column = |class, source| Column { name: "test", doc: "", class, source };
        let recorded = |class| column(class, ColumnSource::Recorded);
        let flag = |of, value| column(RangeClass::Bit, ColumnSource::Flag { of: ColumnId(of), value });
        vec![
            recorded(RangeClass::OneHot { variants: 3 }),
            recorded(RangeClass::Unsigned { bits: 32 }),
            flag(0, 1),
            flag(0, 2),
            flag(0, 3),
            column(RangeClass::Bit, ColumnSource::Public(PublicColumn::Active)),
            recorded(RangeClass::OneHot { variants: 1 }),
            flag(6, 1),
        ]
    }

    /// Batches worked out by hand from docs/protocol.md: of the states (0, 0), (1, 1), (1, 2), which the two deciding
    /// constraints leave, the others' supports are none, (1, 1), (1, 2), both of these, (0, 0) and all.
    #[test]
    fn batches_are_those_of_the_protocol() {
        let constraints = [
            product(&[(0, &[(F1, 1), (F2, 1), (F3, 1), (ACTIVE, -1)])]),
            product(&[(0, &[(F3, 1)])]),
            product(&[(0, &[(F3, 1)]), (0, &[(W, 1)])]),
            product(&[(0, &[(F1, 1)]), (0, &[(W, 1)])]),
            product(&[(0, &[(F2, 1)]), (0, &[(W, 1)])]),
            product(&[(0, &[(F1, 1), (F2, 1)]), (0, &[(W, 1)])]),
            product(&[(1, &[(ACTIVE, -1)]), (0, &[(W, 1)])]),
            product(&[(0, &[(W, 1)])]),
        ];
        let expected = [vec![0], vec![1], vec![7, 2], vec![5, 6], vec![3, 4]];
        assert_eq!(batches(&columns(), &constraints), expected);
    }

    #[test]
    fn the_one_hot_column_is_the_one_read_most_often_or_the_first() {
        let word: (i64, &[(u16, i64)]) = (0, &[(W, 1)]);
        let guarded = |flag: u16| product(&[(0, vec![(flag, 1)].leak()), word]);
        let most = [guarded(J1), guarded(F1), guarded(F2)];
        assert_eq!(batches(&columns(), &most), [vec![0], vec![1, 2]]);
        assert_eq!(batches(&columns(), &most[..2]), [[0], [1]]);
        assert_eq!(batches(&columns(), &[product(&[word]), product(&[word])]), [[0], [1]]);
    }

    /// Rows of every state with arbitrary other cells: where every constraint that has its batch for itself by its state
    /// holds, no batch has two members that are not zero.
    #[test]
    fn of_a_batch_at_most_one_constraint_is_not_zero() {
        let spec = Rv32i::SPEC;
        let batches = batches(spec.columns, spec.constraints);
        let mut members: Vec<usize> = batches.concat();
        members.sort_unstable();
        assert_eq!(members, (0..spec.constraints.len()).collect::<Vec<_>>());
        assert!(batches.len() <= 20, "{batches:?}");
        let mut seed = 1u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            i128::from(seed >> 33)
        };
        let (mut rows, mut nonzero) = (0, 0);
        for value in (0..=20).flat_map(|value| [value; 20]) {
            for active in [0, 1] {
                let others: Vec<i128> = spec.columns.iter().map(|_| random()).collect();
                let cell = |id: &ColumnId| match spec.columns[id.index()].source {
                    ColumnSource::Flag { value: flag, .. } => i128::from(flag == value),
                    ColumnSource::Public(PublicColumn::Active) => active,
                    _ => others[id.index()],
                };
                let form = |form: &Linear| {
                    let terms = form.terms.iter().map(|(id, by)| i128::from(*by) * cell(id));
                    i128::from(form.constant) + terms.sum::<i128>()
                };
                let holds = |at: &usize| {
                    let products = spec.constraints[*at].products.iter();
                    products.map(|product| product.factors.iter().map(form).product::<i128>()).sum::<i128>()
                        == 0
                };
                let one_group = spec.constraints.iter().position(|constraint| constraint.name == "one_group");
                assert!(batches.contains(&vec![one_group.expect("the spec has it")]));
                if one_group.is_some_and(|at| holds(&at)) {
                    let counts = batches.iter().map(|batch| batch.iter().filter(|at| !holds(at)).count());
                    nonzero += counts
                        .inspect(|count| {
                            assert!(*count <= 1);
                        })
                        .sum::<usize>();
                    rows += 1;
                }
            }
        }
        assert!(rows > 300 && nonzero > 1000, "{rows} rows, {nonzero} constraints not zero");
    }
}
