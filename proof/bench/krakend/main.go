// KrakenD without its plugins: its engine and router, with the configuration that is given.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/gin-gonic/gin"
	"github.com/luraproject/lura/v2/config"
	"github.com/luraproject/lura/v2/logging"
	"github.com/luraproject/lura/v2/proxy"
	luragin "github.com/luraproject/lura/v2/router/gin"
	"github.com/luraproject/lura/v2/transport/http/server"
)

func main() {
	settings, err := config.NewParser().Parse(os.Args[1])
	if err != nil {
		panic(err)
	}
	gin.SetMode(gin.ReleaseMode)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	factory := luragin.NewFactory(luragin.Config{
		Engine:         gin.New(),
		HandlerFactory: luragin.EndpointHandler,
		ProxyFactory:   proxy.DefaultFactory(logging.NoOp),
		Logger:         logging.NoOp,
		RunServer:      server.RunServer,
	})
	factory.NewWithContext(ctx).Run(settings)
}
