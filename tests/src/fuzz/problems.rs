//! What is asked of every refusal of a document.

use doorward_wire::{PROBLEMS_MAX, Problems};

/// Whoever is refused is told why, and where.
pub(super) fn check_problems(text: &str, refused: Option<Problems>) {
    let Some(problems) = refused else {
        return;
    };
    let lines = text.lines().count() + 1;
    assert!(!problems.list().is_empty(), "refused without a reason");
    assert!(problems.list().len() <= PROBLEMS_MAX + 1);
    for problem in problems.list() {
        assert!(!problem.message.is_empty());
        assert!(problem.line <= lines, "line {} of {lines}", problem.line);
    }
}
