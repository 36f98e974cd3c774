//! Which constraints concern which rows: for the specs that this binary has compiled in, and for those that it checks.

/// A linear form: the constant, and cells with their coefficients.
pub(super) type Form<'a, C> = (i64, &'a [(C, i64)]);

/// Whether a constraint, a sum of products of linear forms, can fail in a row some of whose cells are known: whether
/// any of its products has no factor that is zero by those cells alone.
pub(super) fn can_fail<'a, C, Product>(
    products: impl IntoIterator<Item = Product>,
    known: impl Fn(C) -> Option<i64>,
) -> bool
where
    C: Copy + 'a,
    Product: IntoIterator<Item = Form<'a, C>>,
{
    let is_zero = |(constant, terms): Form<'a, C>| {
        let terms = terms.iter().map(|(cell, coefficient)| known(*cell).map(|value| value * coefficient));
        terms.sum::<Option<i64>>().is_some_and(|sum| constant + sum == 0)
    };
    products.into_iter().any(|product| !product.into_iter().any(is_zero))
}
