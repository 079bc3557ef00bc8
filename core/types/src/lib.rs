//! The words of Holdfast: ids, quantities, labels, specs and phases; parse, don't validate.
