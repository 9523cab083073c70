package accounts

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/insforge/insforge-go/primitives/auth/guard"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const defaultPageSize = 10

// Mount registers the routes on r, which is at /api/auth.
func (s *Service) Mount(r rest.Router) {
	body := rest.MaxBody(guard.MaxBodyBytes)
	r.GET("/users", rest.Admin, s.handleListUsers)
	r.GET("/users/:userId", rest.Admin, s.handleUser)
	r.GET("/profiles/:userId", rest.Public, s.handleProfile)
	r.PATCH("/profiles/current", rest.JWT, s.handleUpdateProfile, body)
	r.GET("/config", rest.Admin, s.handleConfig)
	r.PUT("/config", rest.Admin, s.handleConfigure, body)
}

// handleProfile serves "GET /api/auth/profiles/:userId".
func (s *Service) handleProfile(c rest.Context) error {
	id, err := UserIDParam(c)
	if err != nil {
		return err
	}
	user, err := s.User(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, Profile{ID: user.ID, Profile: user.Profile})
}

// handleUpdateProfile serves "PATCH /api/auth/profiles/current".
func (s *Service) handleUpdateProfile(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	if _, ok := f.Object("profile"); !ok && !f.Has("profile") {
		f.Complain("profile", "Required")
	}
	if err := f.Err(); err != nil {
		return err
	}
	profile, err := s.UpdateProfile(c.Request().Context(), f.Raw("profile"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, profile)
}

// handleUser serves "GET /api/auth/users/:userId".
func (s *Service) handleUser(c rest.Context) error {
	id, err := UserIDParam(c)
	if err != nil {
		return err
	}
	user, err := s.User(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, user)
}

type pagination struct {
	Offset int `json:"offset"`
	Limit  int `json:"limit"`
	Total  int `json:"total"`
}

type userList struct {
	Data       []User     `json:"data"`
	Pagination pagination `json:"pagination"`
}

// handleListUsers serves "GET /api/auth/users".
func (s *Service) handleListUsers(c rest.Context) error {
	page := Page{
		Search: c.QueryParam("search"),
		Offset: max(0, intParam(c, "offset", 0)),
		Limit:  max(1, intParam(c, "limit", defaultPageSize)),
	}
	if !utf8.ValidString(page.Search) || strings.ContainsRune(page.Search, 0) {
		return fault.Invalid("search: must be UTF-8 text without NUL characters").Next("Send another text to search for.")
	}
	users, total, err := s.Users(c.Request().Context(), page)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, userList{
		Data:       users,
		Pagination: pagination{Offset: page.Offset, Limit: page.Limit, Total: total},
	})
}

// intParam returns a query parameter, or fallback when it is not a number.
func intParam(c rest.Context, name string, fallback int) int {
	n, err := strconv.Atoi(c.QueryParam(name))
	if err != nil {
		return fallback
	}
	return n
}
