// @ts-check
/** Plain HTTP beside the WebSockets: for health checks and Prometheus. Answers, and closes the connection. */

/**
 * @param {object} options
 * @param {() => boolean} options.isClosing
 * @param {() => boolean} options.isBusReady
 * @param {import("./metrics.js").Metrics} options.metrics
 * @returns {import("node:http").RequestListener}
 */
export const createHttpRoutes = ({ isClosing, isBusReady, metrics }) => {
  return (request, response) => {
    response.setHeader("connection", "close");
    response.setHeader("cache-control", "no-store");
    /**
     * @param {number} code
     * @param {string} status
     */
    const answer = (code, status) => {
      response.setHeader("content-type", "application/json");
      response.writeHead(code).end(`${JSON.stringify({ status })}\n`);
    };

    switch (pathOf(request.url)) {
      case "/healthz":
        return isClosing() ? answer(503, "closing") : answer(200, "ok");
      case "/readyz":
        if (isClosing()) return answer(503, "closing");
        return isBusReady() ? answer(200, "ready") : answer(503, "nats-away");
      case "/metrics":
        return void metrics.render().then(
          (text) => response.writeHead(200, { "content-type": metrics.contentType }).end(text),
          () => answer(500, "failed"),
        );
      case "/":
        response.setHeader("upgrade", "websocket");
        return answer(426, "upgrade-required");
      default:
        return answer(404, "not-found");
    }
  };
};

/** @param {string | undefined} url as the client wrote it, perhaps no URL at all */
export const pathOf = (url = "") => url.split("?", 1)[0];
