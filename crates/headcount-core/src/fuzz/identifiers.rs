//! Connection ids: only the text that was given out leads to a connection.

use super::{Input, cases};
use crate::connection::{ConnectionKey, IdCipher, NodeId};

#[test]
fn one_text_and_no_other_names_a_connection() {
    let cipher = IdCipher::new([7; 16], NodeId(9));
    bolero::check!(name = "identifiers")
        .with_iterations(2_000)
        .with_generator(cases(64))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let key = ConnectionKey {
                shard: u16::from_be_bytes([input.byte(), input.byte()]),
                slot: input.u32(),
                generation: input.u32(),
            };
            let id = cipher.id(key);
            assert_eq!(cipher.key(id.as_str()), Some(key));

            let mut altered = id.as_str().to_owned();
            let at = input.below(altered.len());
            altered.replace_range(at..=at, &char::from(input.byte() & 0x7f).to_string());
            assert!(
                altered == id.as_str() || cipher.key(&altered).is_none(),
                "{altered}"
            );
            let text = input.text(40, &["=", "-", "_", "A", "/", "+"]);
            if let Some(key) = cipher.key(&text) {
                assert_eq!(cipher.id(key).as_str(), text, "another text was read as an id");
            }
        });
}
