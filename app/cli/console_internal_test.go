package cli

import (
	"bytes"
	"testing"
	"time"
)

func TestLogLinesOnATerminal(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC).Local().Format(time.TimeOnly)
	for _, tt := range []struct {
		name, line string
		color      bool
		want       string
	}{
		{
			name: "time, level, message and fields, without what only programs need",
			line: `{"level":"info","status":200,"database":"","method":"GET","request_id":"ab12","userAgent":"curl","id":"1-1","timestamp":"2026-03-04T05:06:07.089Z","message":"HTTP Request"}`,
			want: at + " INFO  HTTP Request method=GET status=200",
		},
		{
			name: "zerolog's own name of the time",
			line: `{"level":"error","error":"no such host","attempt":2,"time":"2026-03-04T05:06:07Z","message":"cannot send"}`,
			want: at + ` ERROR cannot send error="no such host" attempt=2`,
		},
		{
			name: "a failure names its request",
			line: `{"level":"error","request_id":"ab12","timestamp":"2026-03-04T05:06:07.089Z","message":"it failed"}`,
			want: at + " ERROR it failed request_id=ab12",
		},
		{
			name: "neither level nor time",
			line: `{"setting":"x","message":"ignored"}`,
			want: "ignored setting=x",
		},
		{
			name:  "colour",
			color: true,
			line:  `{"level":"warn","timestamp":"2026-03-04T05:06:07.089Z","message":"careful"}`,
			want:  at + " \x1b[33mWARN \x1b[0m careful",
		},
		{
			name: "what a terminal would obey is escaped",
			line: `{"level":"warn","timestamp":"2026-03-04T05:06:07.089Z","path":"/\u001b[2J","message":"a\u001b[2J\nb"}`,
			want: at + ` WARN  a\u001b[2J\nb path="/\x1b[2J"`,
		},
		{name: "text that is not JSON", line: "panic: oh no", want: "panic: oh no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			lines := tt.line + "\n" + tt.line + "\n"
			if n, err := newConsole(&out, tt.color).Write([]byte(lines)); n != len(lines) || err != nil {
				t.Fatalf("got %d, %v, want %d bytes taken", n, err, len(lines))
			}
			if want := tt.want + "\n" + tt.want + "\n"; out.String() != want {
				t.Errorf("got\n%q, want\n%q", out.String(), want)
			}
		})
	}
}
