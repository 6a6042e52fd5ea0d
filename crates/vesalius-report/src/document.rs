//! What a report says, before it is known in which format: sections of text, tables and figures. Pages build it, the
//! modules of `render/` write it; neither knows the other.

use crate::evidence::measure::Measure;

/// One page of the report on one dataset.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// Anchor, unique among a dataset's sections.
    pub id: &'static str,
    /// Heading.
    pub title: String,
    /// What stands on it.
    pub blocks: Vec<Block>,
    /// Files to be written beside the report: name and content.
    pub files: Vec<(String, Vec<u8>)>,
}

/// A part of a section.
#[derive(Debug, Clone)]
pub enum Block {
    /// A smaller heading.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// Short answers: question, answer.
    Answers(Vec<(String, String)>),
    /// Points of a list.
    List(Vec<String>),
    /// Files of the report: text, name.
    Links(Vec<(String, String)>),
    /// A table.
    Grid(Grid),
    /// A table to look things up in, closed at first where it is long.
    Reference(Grid),
    /// A table that is written as files and stands on no page.
    FilesOnly(Grid),
    /// A table to read that has no files.
    Matrix(Matrix),
    /// A figure.
    Figure(Figure),
    /// Figures that may stand beside each other.
    Gallery(Vec<Figure>),
    /// Lines as they are.
    Code(String),
    /// What few readers need, closed at first.
    Folded(String, String),
}

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    /// Stem of its files; tables of several datasets with one name share them.
    pub name: &'static str,
    /// The dataset it is about.
    pub dataset: String,
    /// What it shows.
    pub caption: String,
    /// The first names the rows.
    pub columns: Vec<Column>,
    /// As many entries as there are columns.
    pub rows: Vec<Vec<Entry>>,
    /// Remarks below it.
    pub remarks: Vec<String>,
}

/// A table whose rows are quantities and whose columns, from the third on, are what has them.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    /// The table: name of the quantity, what it says, a value for each column.
    pub grid: Grid,
    /// Closed at first.
    pub is_folded: bool,
}

/// A column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    /// Its name in CSV and JSON: a format.
    pub key: String,
    /// Its heading.
    pub title: String,
    /// Columns of a group stand together where a table is too wide for a page.
    pub group: String,
    /// Text is set to the left, numbers to the right.
    pub text: bool,
    /// On the page it stands first behind the rows' names, so that a phone shows it.
    pub leads: bool,
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// Nothing was measured or published.
    Absent,
    /// The training broke down; there is no number.
    Diverged,
    /// Words.
    Text(String),
    /// A plain number; digits after the point.
    Number(f64, usize),
    /// A p-value.
    P(f64),
    /// A measured number with its protocol; digits after the point.
    Measured(Measure, usize),
}

/// A figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Stem of its files.
    pub name: String,
    /// What it shows: in bold, then the rest.
    pub title: String,
    /// The rest.
    pub caption: String,
    /// In words, for those who do not see it.
    pub alt: String,
    /// The picture.
    pub art: Art,
    /// A file of the report that shows more.
    pub link: Option<String>,
}

/// A picture.
#[derive(Debug, Clone)]
pub enum Art {
    /// Drawn by this module.
    Svg(String),
    /// Drawn by a run; may have styles of its own.
    ForeignSvg(String),
    /// Pixels.
    Png(Vec<u8>),
}

impl Column {
    /// A column of words.
    pub fn text(key: &str, title: &str) -> Self {
        Self { text: true, ..Self::new(key, title) }
    }

    /// A column of numbers.
    pub fn new(key: &str, title: &str) -> Self {
        Self { key: key.to_owned(), title: title.to_owned(), ..Self::default() }
    }
}

/// Group of columns that stand in CSV and JSON only.
pub const HIDDEN: &str = "files only";

/// Columns that fit a page beside the rows' names: of measured numbers, which bring their intervals, and of others.
const WIDEST: [usize; 2] = [6, 10];

impl Grid {
    /// Protocols of its numbers, each once; notes are numbered from 1.
    pub fn protocols(&self) -> Vec<&str> {
        let mut found: Vec<&str> = vec![];
        for entry in self.rows.iter().flatten() {
            if let Entry::Measured(measure, _) = entry
                && !found.contains(&measure.protocol.as_str())
            {
                found.push(&measure.protocol);
            }
        }
        found
    }

    /// Rows that have anything in some columns.
    pub fn rows_with(&self, columns: &[usize]) -> impl Iterator<Item = &Vec<Entry>> {
        self.rows.iter().filter(move |row| columns.iter().any(|&i| row[i] != Entry::Absent))
    }

    /// The pieces it is shown in: a heading (empty: none) and the columns beside the first.
    pub fn pieces(&self) -> Vec<(String, Vec<usize>)> {
        let mut groups: Vec<(String, Vec<usize>)> = vec![];
        for (i, column) in self.columns.iter().enumerate().skip(1) {
            if column.group == HIDDEN {
                continue;
            }
            match groups.iter_mut().find(|(group, _)| *group == column.group) {
                Some((_, columns)) => columns.push(i),
                None => groups.push((column.group.clone(), vec![i])),
            }
        }
        let measured = self.rows.iter().flatten().any(|entry| matches!(entry, Entry::Measured(..)));
        let widest = WIDEST[usize::from(!measured)];
        let mut pieces = vec![];
        for (group, columns) in groups {
            let parts = columns.len().div_ceil(widest);
            for part in columns.chunks(columns.len().div_ceil(parts)) {
                pieces.push((group.clone(), part.to_vec()));
            }
        }
        pieces
    }
}

impl From<String> for Entry {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Entry {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Entry {
    /// A number, if there is one.
    pub fn number(value: Option<f64>, digits: usize) -> Self {
        value.map_or(Self::Absent, |value| Self::Number(value, digits))
    }

    /// A p-value, if there is one.
    pub fn p(value: Option<f64>) -> Self {
        value.map_or(Self::Absent, Self::P)
    }

    /// A measurement, if there is one.
    pub fn measured(measure: Option<Measure>, digits: usize) -> Self {
        measure.map_or(Self::Absent, |measure| Self::Measured(measure, digits))
    }

    /// The main line and the lines below it, without note.
    pub fn lines(&self) -> (String, Vec<String>) {
        match self {
            Self::Absent => ("–".to_owned(), vec![]),
            Self::Diverged => ("diverged".to_owned(), vec![]),
            Self::Text(text) => (text.clone(), vec![]),
            Self::Number(value, digits) => (fixed(*value, *digits), vec![]),
            Self::P(p) => (p_value(*p), vec![]),
            Self::Measured(measure, digits) => {
                let mut more = vec![];
                let pair = |[low, high]: [f64; 2]| [fixed(low, *digits), fixed(high, *digits)];
                if let Some([low, high]) = measure.interval.map(pair) {
                    more.push(format!("[{low}, {high}]"));
                }
                if let Some(error) = measure.standard_error {
                    more.push(format!("± {}", fixed(error, *digits)));
                }
                if let Some([least, greatest]) = measure.range.map(pair) {
                    more.push(format!("{} runs {least} to {greatest}", measure.runs));
                }
                (fixed(measure.value, *digits), more)
            }
        }
    }

    /// The same in one line.
    pub fn line(&self) -> String {
        let (first, mut more) = self.lines();
        // The range of several runs stands last.
        let of_runs = matches!(self, Self::Measured(measure, _) if measure.range.is_some());
        if let Some(range) = more.last_mut().filter(|_| of_runs) {
            *range = format!("({range})");
        }
        std::iter::once(first).chain(more).collect::<Vec<_>>().join(" ")
    }
}

/// A number with a true minus sign; a zero has none.
pub fn fixed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// `[0.123, 0.456]`.
pub fn interval([low, high]: [f64; 2], digits: usize) -> String {
    format!("[{}, {}]", fixed(low, digits), fixed(high, digits))
}

/// A p-value as papers write it.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

/// `p = 0.481`, `p < 0.001`.
pub fn p_said(p: f64) -> String {
    let text = p_value(p);
    if text.starts_with('<') { format!("p {text}") } else { format!("p = {text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_table_is_shown_in_pieces_that_fit_a_page() {
        let mut columns = vec![Column::text("gan", "GAN")];
        for i in 0..15 {
            let group = if i < 14 { "Fidelity" } else { "Copying" };
            columns.push(Column { group: group.into(), ..Column::new(&i.to_string(), "x") });
        }
        let pieces = Grid { columns, ..Grid::default() }.pieces();
        let shape: Vec<(&str, usize)> =
            pieces.iter().map(|(group, columns)| (group.as_str(), columns.len())).collect();
        assert_eq!(shape, [("Fidelity", 7), ("Fidelity", 7), ("Copying", 1)]);
    }

    #[test]
    fn a_cell_says_value_interval_and_range_of_runs() {
        let measure = Measure {
            value: 0.7971,
            interval: Some([0.71, 0.86]),
            range: Some([0.796, 0.798]),
            runs: 2,
            ..Measure::default()
        };
        let entry = Entry::Measured(measure, 3);
        assert_eq!(entry.line(), "0.797 [0.710, 0.860] (2 runs 0.796 to 0.798)");
        assert_eq!(Entry::Number(-0.0001, 2).line(), "0.00");
        assert_eq!(Entry::Number(-1.25, 1).line(), "−1.2");
    }
}
