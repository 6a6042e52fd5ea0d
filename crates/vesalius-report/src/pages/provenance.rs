//! The last page: commands, runs, inputs.

use crate::document::{Block, Column, Entry, Grid, Section};
use crate::evidence::runs::{Run, commands};
use std::fmt::Write as _;
use vesalius_data::run::files::Integrity;

/// Of all runs, whatever their dataset.
pub fn section(runs: &[Run]) -> Section {
    let mut inputs = String::new();
    for run in runs {
        for input in &run.result.inputs {
            let _ = writeln!(
                inputs,
                "{}  {}  {}  {}",
                input.sha256,
                input.role,
                input.path.display(),
                run.path.display()
            );
        }
    }
    let rows = runs
        .iter()
        .map(|run| {
            let result = &run.result;
            let row: Vec<Entry> = vec![
                run.path.display().to_string().into(),
                result.stage.clone().into(),
                result.subject.dataset.clone().into(),
                Entry::Number(result.wall_secs / 60.0, 1),
                result.vesalius.clone().into(),
                result.machine.clone().into(),
                match &run.integrity {
                    Integrity::Whole => "as it left them".to_owned(),
                    Integrity::Unknown => "not known (older version)".to_owned(),
                    Integrity::Changed(changed) => changed.join("; "),
                }
                .into(),
            ];
            row
        })
        .collect();
    Section {
        id: "provenance",
        title: "How every number was made".to_owned(),
        blocks: vec![
            Block::Text("docs/method.md explains every word of the protocols.".to_owned()),
            Block::Code(commands(runs).join("\n")),
            Block::Reference(Grid {
                name: "runs",
                dataset: String::new(),
                caption: "Runs behind this report".to_owned(),
                columns: vec![
                    Column::text("run", "Run"),
                    Column::text("stage", "Stage"),
                    Column::text("of", "Dataset"),
                    Column::new("minutes", "Minutes"),
                    Column::text("vesalius", "Vesalius"),
                    Column::text("machine", "Machine"),
                    Column::text("files", "Files"),
                ],
                rows,
                remarks: vec![],
            }),
            Block::Folded("Inputs (SHA-256)".to_owned(), inputs),
        ],
        files: vec![],
    }
}
