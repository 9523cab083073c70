package rest_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

func TestAnswersAreJSONWithoutEscapesForHTML(t *testing.T) {
	t.Parallel()
	const text = "a < b && c > d"
	c := resttest.New(t, "", func(r rest.Router) {
		r.GET("/ok", rest.Public, func(c rest.Context) error { return c.JSON(http.StatusOK, map[string]string{"text": text}) })
		r.GET("/fails", rest.Public, func(rest.Context) error { return fault.Invalid(text).Next(text) })
		r.GET("/broken", rest.Public, func(rest.Context) error { return errors.New(text) })
	})
	for path, want := range map[string]string{
		"/ok":        `{"text":"a < b && c > d"}`,
		"/fails":     `{"error":"INVALID_INPUT","message":"a < b && c > d","statusCode":400,"nextActions":"a < b && c > d"}`,
		"/broken":    `{"error":"INTERNAL_ERROR","message":"Internal server error","statusCode":500}`,
		"/none?<a&b": `{"error":"NOT_FOUND","message":"Endpoint /none?<a&b not found","statusCode":404,"nextActions":"Check the method and the path; every endpoint lives under /api."}`,
	} {
		if got := c.CallAs("", "GET", path, "").Text; got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}
