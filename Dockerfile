# One build for the three programs, and a small image for each: --target gateway, product-service or order-service.
# The major that npm start runs. A tag and not a digest: patches of Node and of the base
# come with the next `docker compose build --pull`.
FROM node:24-alpine AS base
WORKDIR /app

# The packages depend on these files alone: while they stay the same, npm ci below comes from the cache.
FROM base AS manifests
COPY . .
RUN find . -type f ! -name package.json ! -name package-lock.json -delete && find . -type d -empty -delete

FROM base AS build
COPY --from=manifests /app ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
# By its file, since npx and npm run would put node_modules/.bin first: the Node there is for glibc and can't run on Alpine.
RUN node node_modules/typescript/bin/tsc -b gateway product-service order-service \
  && node local-stack/src/programs/bundle-programs.ts gateway product-service order-service

FROM base AS runtime
# Inside a container only its networks reach it; what is published says docker-compose.yml.
ENV NODE_ENV=production HOST=0.0.0.0
# For V8's old objects half of the container's memory: the rest is for young ones, buffers and code. What Node takes by itself
# follows the limit only roughly: of 256 MB it would take 271.
ENV NODE_OPTIONS="--max-old-space-size=256 --max-semi-space-size=16"
USER node
CMD ["node", "--enable-source-maps", "dist/program/main.mjs"]

FROM runtime AS gateway
COPY --from=build /app/gateway/dist/program gateway/dist/program
# The pages of /docs, which it reads from there.
COPY --from=build /app/node_modules/swagger-ui-dist node_modules/swagger-ui-dist
WORKDIR /app/gateway
ENV PORT=4000
EXPOSE 4000
# Whether it lives, and not /health: that is 503 while a service is away, and who takes the gateway out for it takes out the others' routes too.
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:4100/health/live').then(({ ok }) => process.exit(ok ? 0 : 1))"]

FROM runtime AS product-service
COPY --from=build /app/product-service/dist/program product-service/dist/program
WORKDIR /app/product-service
ENV PORT=3001
EXPOSE 3001
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:3001/health/ready').then(({ ok }) => process.exit(ok ? 0 : 1))"]

FROM runtime AS order-service
COPY --from=build /app/order-service/dist/program order-service/dist/program
WORKDIR /app/order-service
ENV PORT=3002
EXPOSE 3002
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:3002/health/ready').then(({ ok }) => process.exit(ok ? 0 : 1))"]

FROM build AS build-operations
RUN node node_modules/typescript/bin/tsc -b operations && node local-stack/src/programs/bundle-programs.ts operations

# For operators: the commands of docs/operations.md, where databases and broker can be reached.
FROM runtime AS operations
COPY --from=build-operations /app/operations/dist/program operations/dist/program
# A volume begins with what the image has there: with this owner.
USER root
RUN mkdir -p .local-stack/discarded && chown -R node:node .local-stack
USER node
ENTRYPOINT ["node", "--enable-source-maps", "operations/dist/program/main.mjs"]
CMD ["orders:stuck"]
