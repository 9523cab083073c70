package metadata

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// render returns the project as Markdown, one section for each part: what
// agents read first. What other primitives report is shown as JSON.
func render(p project) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Project\n\nVersion: %s\n", p.Version)
	if p.Database != nil {
		p.Database.render(&b)
	}
	for _, part := range []struct {
		title string
		value any
	}{
		{"Authentication", p.Auth}, {"Storage", p.Storage}, {"Functions", p.Functions}, {"Realtime", p.Realtime}, {"Compute", p.Compute},
	} {
		if part.value == nil {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n```json\n", part.title)
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(part.value); err != nil {
			return nil, err
		}
		b.WriteString("```\n")
	}
	return b.Bytes(), nil
}

// inCell makes a name stay in its cell of a table.
var inCell = strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ", "`", "'")

func (d *databasePart) render(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n## Database\n\nSize: %g GB\n", d.TotalSizeInGB)
	if len(d.Tables) == 0 {
		b.WriteString("\nThere are no tables yet.\n")
		return
	}
	b.WriteString("\n| Table | Records |\n|---|---|\n")
	for _, t := range d.Tables {
		fmt.Fprintf(b, "| `%s` | %d |\n", inCell.Replace(t.Name), t.Records)
	}
	fmt.Fprintf(b, "\n%s\n", d.Hint)
}
