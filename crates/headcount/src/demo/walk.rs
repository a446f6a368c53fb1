//! Where a visitor of the shop goes next.

use super::chance::Chance;

/// What a visitor does after looking at a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Goes to this page.
    To(&'static str),
    /// Closes the tab.
    Leave,
}

/// Where visitors come in: mostly through the front door, some through a link to a product.
const ENTRANCES: &[(u32, &str)] = &[
    (50, "/"),
    (20, "/products"),
    (10, "/products/1"),
    (8, "/products/2"),
    (6, "/gallery"),
    (6, "/about"),
];

/// What visitors do on each page, by weight.
const WALKS: &[(&str, &[(u32, Step)])] = &[
    (
        "/",
        &[
            (55, Step::To("/products")),
            (15, Step::To("/gallery")),
            (10, Step::To("/about")),
            (20, Step::Leave),
        ],
    ),
    (
        "/products",
        &[
            (30, Step::To("/products/1")),
            (25, Step::To("/products/2")),
            (20, Step::To("/products/3")),
            (10, Step::To("/")),
            (15, Step::Leave),
        ],
    ),
    ("/products/1", PRODUCT),
    ("/products/2", PRODUCT),
    ("/products/3", PRODUCT),
    (
        "/checkout",
        &[
            (60, Step::To("/checkout/pay")),
            (25, Step::To("/products")),
            (15, Step::Leave),
        ],
    ),
    (
        "/checkout/pay",
        &[
            (40, Step::To("/")),
            (20, Step::To("/checkout")),
            (40, Step::Leave),
        ],
    ),
    (
        "/gallery",
        &[
            (60, Step::To("/gallery/mountains")),
            (25, Step::To("/")),
            (15, Step::Leave),
        ],
    ),
    (
        "/gallery/mountains",
        &[
            (50, Step::To("/gallery/sea")),
            (30, Step::To("/gallery")),
            (20, Step::Leave),
        ],
    ),
    (
        "/gallery/sea",
        &[
            (50, Step::To("/gallery")),
            (30, Step::To("/products")),
            (20, Step::Leave),
        ],
    ),
    ("/about", &[(70, Step::To("/")), (30, Step::Leave)]),
];

const PRODUCT: &[(u32, Step)] = &[
    (35, Step::To("/checkout")),
    (45, Step::To("/products")),
    (20, Step::Leave),
];

/// The page a visitor comes in by.
pub(super) fn entrance(chance: &mut Chance) -> &'static str {
    chance.weighted(ENTRANCES).copied().unwrap_or("/")
}

/// What a visitor on `page` does next.
pub(super) fn step(page: &str, chance: &mut Chance) -> Step {
    let walk = WALKS.iter().find(|(from, _)| *from == page);
    walk.and_then(|(_, steps)| chance.weighted(steps))
        .copied()
        .unwrap_or(Step::Leave)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_page_is_visited_and_leads_on() {
        let mut chance = Chance::new(1);
        let mut seen = BTreeSet::new();
        for _ in 0..2_000 {
            let mut page = entrance(&mut chance);
            seen.insert(page);
            while let Step::To(next) = step(page, &mut chance) {
                assert_ne!(next, page);
                page = next;
                seen.insert(page);
            }
        }
        let pages: BTreeSet<&str> = WALKS.iter().map(|(page, _)| *page).collect();
        assert_eq!(seen, pages);
    }
}
