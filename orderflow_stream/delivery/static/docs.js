// The documentation: Swagger UI over /openapi.json. Nothing is asked of anybody else.

/** The document as this page needs it: nothing is filled in that the reader did not ask for, or `trades` with its
 * default would be sent beside a `window`. What a default is, the description says.
 * @param {Record<string, any>} spec */
function forTrying(spec) {
  for (const item of Object.values(spec.paths)) {
    for (const operation of Object.values(item)) {
      for (const parameter of operation.parameters) {
        if (parameter.schema.default === undefined) continue;
        parameter.description += ` (default: ${parameter.schema.default})`;
        delete parameter.schema.default;
      }
    }
  }
  return spec;
}

/** The paths whose answer does not end.
 * @param {Record<string, any>} spec */
function streams(spec) {
  const found = new Set();
  for (const [path, item] of Object.entries(spec.paths)) {
    for (const operation of Object.values(item)) {
      if ("text/event-stream" in (operation.responses["200"].content || {})) found.add(path);
    }
  }
  return found;
}

/** No "Try it out" where the answer does not end; instead, what to do.
 * @param {Set<string>} endless */
function withoutTrying(endless) {
  return () => ({
    statePlugins: {
      spec: { wrapSelectors: { allowTryItOutFor: (original) => (state, path, method) => !endless.has(path) && original(state, path, method) } },
    },
    wrapComponents: {
      OperationSummary: (Original, { React }) => (props) => {
        const path = props.operationProps.get("path");
        const mark = endless.has(path)
          ? React.createElement("p", { className: "no-try" }, "does not end: use curl -N, or an EventSource")
          : null;
        return React.createElement(React.Fragment, null, React.createElement(Original, props), mark);
      },
    },
  });
}

async function begin() {
  const place = document.getElementById("api");
  try {
    const spec = forTrying(await (await fetch("/openapi.json")).json());
    window.ui = window.SwaggerUIBundle({
      spec,
      dom_id: "#api",
      deepLinking: true,
      displayRequestDuration: true,
      docExpansion: "list",
      defaultModelsExpandDepth: 0,
      defaultModelRendering: "example",
      filter: false,
      persistAuthorization: false,
      syntaxHighlight: { activated: true },
      tryItOutEnabled: false,
      validatorUrl: null,
      plugins: [withoutTrying(streams(spec))],
    });
  } catch (error) {
    const told = document.createElement("p");
    told.textContent = `/openapi.json could not be read: ${error.message}`;
    place.replaceChildren(told);
  }
}

begin();
