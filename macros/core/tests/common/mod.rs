//! What the tests of diagnostics share.

/// Without the lines of RV32I that belong to an error, so that an edit elsewhere in that spec changes no snapshot.
pub(crate) fn without_lines(rendered: &str) -> String {
    let mut elsewhere = false;
    let line = |line: &str| {
        if let Some((arrow, _)) = line.split_once("isa/rv32i.toml:") {
            elsewhere = true;
            return arrow.to_owned() + "isa/rv32i.toml:LINE";
        }
        let digits = line.trim_start().chars().take_while(char::is_ascii_digit).count();
        match elsewhere && digits > 0 {
            true => line.replacen(&line.trim_start()[..digits], "LINE", 1),
            false => line.to_owned(),
        }
    };
    let lines: Vec<String> = rendered.lines().map(line).collect();
    // The gutter is as wide as the greatest line number.
    let lines = lines.iter().map(|line| if elsewhere { line.trim_start() } else { line });
    lines.collect::<Vec<_>>().join("\n")
}
