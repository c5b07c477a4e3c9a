//! Rows of an export as bytes: RFC 4180 with CRLF, UTF-8, no byte-order mark; or one JSON event a line.

use std::borrow::Cow;

use system_log_index::Stored;
use system_log_model::Log;
use system_log_model::column::CsvColumn;

use crate::status::Refusal;
use crate::wire::to_proto;

/// How an export is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// The chosen columns in the chosen order; `raw` leaves formulas alone.
    Csv {
        /// In the order asked for.
        columns: Vec<CsvColumn>,
        /// Without the formula guard.
        raw: bool,
    },
    /// Whole events.
    JsonLines,
}

/// The columns a caller named, or all of the log's.
///
/// # Errors
/// A violation that lists the log's columns.
pub fn columns(log: Log, names: &[String]) -> Result<Vec<CsvColumn>, Refusal> {
    if names.is_empty() {
        return Ok(CsvColumn::of(log).to_vec());
    }
    let find = |name: &String| {
        CsvColumn::find(log, name).ok_or_else(|| {
            let known = CsvColumn::of(log).iter().map(|c| c.name()).collect::<Vec<_>>().join(", ");
            Refusal::invalid("INVALID_FILTER", "columns", format!("{name:?} is not a column of the {log} log: {known}"))
        })
    };
    let columns: Vec<CsvColumn> = names.iter().map(find).collect::<Result<_, _>>()?;
    let is_repeated = |(at, column): (usize, &CsvColumn)| columns[..at].contains(column);
    if columns.iter().enumerate().any(is_repeated) {
        return Err(Refusal::invalid("INVALID_FILTER", "columns", "each column at most once"));
    }
    Ok(columns)
}

impl Format {
    /// The bytes before the first row.
    ///
    /// # Errors
    /// Never in practice: writing into memory.
    pub fn heading(&self) -> Result<Vec<u8>, Refusal> {
        match self {
            Self::Csv { columns, .. } => lines(std::iter::once(columns.iter().map(|c| Cow::Borrowed(c.name())))),
            Self::JsonLines => Ok(Vec::new()),
        }
    }

    /// The bytes of some rows.
    ///
    /// # Errors
    /// Never in practice: writing into memory.
    pub fn rows(&self, rows: &[Stored]) -> Result<Vec<u8>, Refusal> {
        match self {
            Self::Csv { columns, raw } => {
                lines(rows.iter().map(|row| columns.iter().map(|column| cell(*column, row, *raw))))
            }
            Self::JsonLines => {
                let mut out = Vec::with_capacity(rows.len() * 512);
                for row in rows {
                    serde_json::to_writer(&mut out, &to_proto::stored(row)).map_err(|e| Refusal::internal(&e))?;
                    out.push(b'\n');
                }
                Ok(out)
            }
        }
    }
}

fn lines<'a>(records: impl Iterator<Item = impl Iterator<Item = Cow<'a, str>>>) -> Result<Vec<u8>, Refusal> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for record in records {
        for cell in record {
            writer.write_field(cell.as_bytes()).map_err(|error| Refusal::internal(&error))?;
        }
        writer.write_record(None::<&[u8]>).map_err(|error| Refusal::internal(&error))?;
    }
    writer.into_inner().map_err(|error| Refusal::internal(&error))
}

/// A cell; free text that a spreadsheet would run as a formula gets a leading `'`. The full-width signs count, because
/// East Asian spreadsheets read them as the ASCII ones.
fn cell(column: CsvColumn, row: &Stored, raw: bool) -> Cow<'_, str> {
    let text = column.cell(row.id, &row.event);
    let formula = column.is_text()
        && text.starts_with(['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if formula && !raw { Cow::Owned(format!("'{text}")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_follows_rfc_4180() {
        let record = ["a,b", "say \"hi\"", "two\nlines", "", "plain"].map(Cow::Borrowed);
        let bytes = lines(std::iter::once(record.into_iter())).unwrap();
        assert_eq!(bytes, b"\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",,plain\r\n");
    }

    #[test]
    fn unknown_columns_are_named() {
        let refusal = columns(Log::Email, &["subject".into(), "http_status".into()]).unwrap_err();
        assert_eq!(refusal.reason(), "INVALID_FILTER");
        assert!(columns(Log::Email, &["subject".into()]).is_ok());
    }
}
