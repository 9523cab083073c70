package logging_test

import (
	"testing"

	"github.com/insforge/insforge-go/app/logging"
)

// BenchmarkAccessLine is what one line of the access log costs, redaction and
// the write to its file included.
func BenchmarkAccessLine(b *testing.B) {
	var secrets []string
	for _, prefix := range []string{"a", "b", "c", "d", "e", "ik_", "anon_"} {
		secrets = append(secrets, prefix+hex64)
	}
	logs, err := logging.Open(logging.Options{Dir: b.TempDir(), Level: "info", Secrets: secrets})
	if err != nil {
		b.Fatal(err)
	}
	defer logs.Close()
	b.ReportAllocs()
	for b.Loop() {
		logs.Product.Info().
			Str("request_id", "00112233445566778899aabb").Str("method", "GET").Str("path", "/api/database/records/posts").
			Int("status", 200).Int64("size", 1234).Str("duration", "1.5ms").Str("ip", "127.0.0.1").
			Str("userAgent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36").
			Msg("HTTP Request")
	}
}
