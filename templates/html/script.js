(function () {
  "use strict";
  var doc = document, root = doc.documentElement;
  var all = function (selector, from) { return Array.prototype.slice.call((from || doc).querySelectorAll(selector)); };
  var make = function (tag, name, text) {
    var element = doc.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  var button = function (name, text) {
    var element = make("button", name, text);
    element.type = "button";
    return element;
  };
  var said = doc.getElementById("said");
  var say = function (text) { said.textContent = text; };
  root.classList.add("js");

  /* Theme: the system's, until the reader chooses. A page from a file may be refused storage. */
  var store = {
    get: function () { try { return localStorage.getItem("cmdx-theme"); } catch (refused) { return null; } },
    set: function (value) { try { localStorage.setItem("cmdx-theme", value); } catch (refused) { return; } }
  };
  var system = matchMedia("(prefers-color-scheme: dark)");
  var isDark = function () { return (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark"; };
  var redraws = [];
  var redraw = function () { redraws.forEach(function (draw) { draw(); }); };
  if (/^(dark|light)$/.test(store.get() || "")) root.dataset.theme = store.get();
  doc.getElementById("theme").addEventListener("click", function () {
    root.dataset.theme = isDark() ? "light" : "dark";
    store.set(root.dataset.theme);
    say(root.dataset.theme + " theme");
    redraw();
  });
  if (system.addEventListener) system.addEventListener("change", redraw);

  /* Copy: the clipboard where there is one, a selection where there is none. */
  all("[data-copy]").forEach(function (copy) {
    copy.addEventListener("click", function () {
      var done = function (text) {
        copy.textContent = text;
        say(text);
        setTimeout(function () { copy.textContent = "Copy"; }, 1500);
      };
      var select = function () {
        var range = doc.createRange(), selection = getSelection();
        range.selectNodeContents(copy.parentNode.querySelector(".command"));
        selection.removeAllRanges();
        selection.addRange(range);
        done("Selected");
      };
      if (navigator.clipboard) navigator.clipboard.writeText(copy.dataset.copy).then(function () { done("Copied"); }, select);
      else select();
    });
  });
  var download = doc.getElementById("download");
  if (download) download.addEventListener("click", function () {
    var link = make("a");
    link.href = URL.createObjectURL(new Blob([doc.getElementById("cmdx-data").textContent], { type: "application/json" }));
    link.download = "performance_report.json";
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  });

  var offer = function (row) {
    row.isOffered = true;
    var name = row.cells[0].querySelector(".long"), pick = button("pick", name.textContent);
    name.textContent = "";
    name.append(pick);
    pick.addEventListener("click", function () {
      var section = row.closest("section"), grid = section.querySelector(".charts");
      if (!grid) { grid = make("div", "charts"); section.querySelector("table.lines").closest(".scroll").before(grid); }
      var figure = grid.querySelector('figure[data-line="' + row.dataset.line + '"]');
      if (!figure) {
        figure = make("figure", "chart");
        figure.dataset.line = row.dataset.line;
        var caption = make("figcaption"), box = make("div", "plot");
        caption.id = "picked-" + row.dataset.line;
        caption.append(make("b", "", pick.textContent), " ", make("span", "margin", row.cells[0].querySelector(".margin").textContent));
        caption.append(make("br"), row.cells[2].textContent + ", " + row.cells[3].textContent);
        box.setAttribute("role", "img");
        box.setAttribute("aria-labelledby", caption.id);
        figure.append(caption, box);
        grid.prepend(figure);
        trendChart(figure);
      }
      figure.scrollIntoView({ block: "center" });
      say("Chart of " + pick.textContent);
    });
  };

  /* Lists that begin with their head: the rest on demand, or by the filter. */
  var lists = [];
  all("[data-first],[data-filter]").forEach(function (list) {
    var body = list.tBodies ? list.tBodies[0] : list;
    var first = +list.dataset.first || Infinity, isWhole = false, wanted = "", more = null, count = null;
    var update = function () {
      var n = 0, n_found = 0;
      Array.prototype.forEach.call(body.children, function (row) {
        var isFound = !wanted || row.textContent.toLowerCase().indexOf(wanted) >= 0;
        var isShown = isFound && (isWhole || wanted || n < first);
        if (isFound) { n += 1; n_found += 1; }
        if (row.hidden === isShown) row.hidden = !isShown;
        if (isShown && row.dataset.line && !row.isOffered) offer(row);
      });
      if (more) more.hidden = isWhole || !!wanted || body.children.length <= first;
      if (count) count.textContent = wanted ? n_found + " of " + body.children.length : "";
    };
    var box = list.closest(".scroll") || list;
    if (list.dataset.filter && body.children.length > 5) {
      var tools = make("div", "tools"), input = make("input");
      count = make("span", "count");
      input.type = "search";
      input.placeholder = list.dataset.filter;
      input.setAttribute("aria-label", list.dataset.filter);
      count.setAttribute("role", "status");
      input.addEventListener("input", function () { wanted = input.value.trim().toLowerCase(); update(); });
      tools.append(input, count);
      box.before(tools);
    }
    if (body.children.length > first) {
      more = button("more", "Show all " + body.children.length);
      more.addEventListener("click", function () { isWhole = true; update(); });
      box.after(more);
    }
    lists.push({ list: list, update: update, whole: function (value) { isWhole = value; update(); } });
    update();
  });
  var listOf = function (element) {
    return lists.filter(function (each) { return each.list === element; })[0];
  };

  /* Tables are sorted by their headings; text upwards first, figures downwards. */
  all("th[data-sort]").forEach(function (heading) {
    var sort = button("sort", heading.textContent), table = heading.closest("table");
    heading.textContent = "";
    heading.append(sort);
    sort.addEventListener("click", function () {
      var isText = heading.dataset.sort === "text", now = heading.getAttribute("aria-sort");
      var isUp = now ? now === "descending" : isText || heading.cellIndex === 0;
      var value = function (row) {
        var cell = row.cells[heading.cellIndex];
        return isText ? cell.textContent : parseFloat(cell.dataset.v || cell.textContent.replace(/,/g, "")) || 0;
      };
      var rows = Array.prototype.map.call(table.tBodies[0].rows, function (row) { return [value(row), row]; });
      rows.sort(function (one, other) {
        var order = isText ? one[0].localeCompare(other[0]) : one[0] - other[0];
        return isUp ? order : -order;
      });
      all("th[aria-sort]", table).forEach(function (other) { other.removeAttribute("aria-sort"); });
      heading.setAttribute("aria-sort", isUp ? "ascending" : "descending");
      rows.forEach(function (row) { table.tBodies[0].append(row[1]); });
      var list = listOf(table);
      if (list) list.update();
    });
  });

  /* A link into a closed part opens it; into a hidden row, shows it. */
  var reveal = function () {
    var target = location.hash.length > 1 && doc.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (var outer = target; outer; outer = outer.parentElement) {
      if (outer.tagName === "DETAILS") outer.open = true;
      var list = listOf(outer);
      if (list && target.hidden) list.whole(true);
    }
    target.scrollIntoView({ block: target.tagName === "TR" ? "center" : "start" });
  };
  addEventListener("hashchange", reveal);

  /* Charts of the runs on record: the line of the newest environment in the accent, others in grey; lines are drawn
     when they come into view. */
  var data = JSON.parse(doc.getElementById("cmdx-data").textContent), trends = data.trends || { runs: [], lines: [] };
  var colour = function (name) { return getComputedStyle(root).getPropertyValue("--" + name).trim(); };
  var pad = function (text) { return text.slice(0, 4) + "-" + text.slice(4, 6) + "-" + text.slice(6, 8) + " " + text.slice(9, 11) + ":" + text.slice(11, 13); };
  var units = {
    time: function (value) {
      if (value >= 10) return value.toFixed(1) + "s";
      return value >= 0.01 ? (value * 1e3).toFixed(0) + "ms" : value >= 1e-3 ? (value * 1e3).toFixed(1) + "ms" : (value * 1e6).toFixed(0) + "µs";
    },
    bytes: function (value) {
      return value >= 1e9 ? (value / 1e9).toFixed(1) + "GB" : value >= 1e6 ? (value / 1e6).toFixed(value < 1e7 ? 1 : 0) + "MB" : (value / 1e3).toFixed(0) + "KB";
    },
    count: function (value) { return String(Math.round(value * 100) / 100).replace(/\B(?=(\d{3})+$)/g, ","); }
  };
  var unitOf = function (metric) { return /time/.test(metric) ? units.time : /peak/.test(metric) ? units.bytes : units.count; };
  var charts = [];
  var plot = function (box, options, columns, read) {
    var chart = { box: box, plot: null }, reading = make("p", "reading"), at = columns[0].length - 1;
    var show = function (index) {
      if (index === null || index === undefined) return;
      at = index;
      reading.textContent = read(index);
    };
    chart.draw = function () {
      if (chart.plot) chart.plot.destroy();
      var settings = options(Math.max(200, box.clientWidth));
      settings.legend = { show: false };
      settings.hooks = settings.hooks || {};
      settings.hooks.setCursor = [function (self) { show(self.cursor.idx); }];
      chart.plot = new uPlot(settings, columns, box);
    };
    box.after(reading);
    box.tabIndex = 0;
    box.addEventListener("keydown", function (event) {
      var step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
      if (!step) return;
      event.preventDefault();
      show(Math.max(0, Math.min(columns[0].length - 1, at + step)));
      chart.plot.setCursor({ left: chart.plot.valToPos(columns[0][at], "x"), top: 10 }, false);
      say(reading.textContent);
    });
    chart.draw();
    show(at);
    charts.push(chart);
    return chart;
  };
  var axes = function (unit, labels) {
    var soft = colour("soft"), grid = { stroke: colour("line"), width: 1 };
    var font = "11px system-ui, sans-serif";
    return [
      { stroke: soft, font: font, grid: { show: false }, ticks: { show: false }, size: 24, space: 90, values: labels },
      { stroke: soft, font: font, grid: grid, ticks: { show: false }, size: 56, values: function (self, ticks) { return ticks.map(function (tick) { return tick ? unit(tick) : "0"; }); } }
    ];
  };
  var marks = function (line) {
    return function (self) {
      var context = self.ctx, box = self.bbox, ratio = devicePixelRatio;
      var draw = function (run, dash, name) {
        var at = line.r.indexOf(run);
        if (at < 0) return;
        var x = Math.round(self.valToPos(at, "x", true));
        context.save();
        context.strokeStyle = colour(name);
        context.lineWidth = ratio;
        context.setLineDash(dash.map(function (part) { return part * ratio; }));
        context.beginPath();
        context.moveTo(x, box.top);
        context.lineTo(x, box.top + box.height);
        context.stroke();
        context.restore();
      };
      (line.s || []).forEach(function (run) { draw(run, [4, 3], "ink"); });
      line.r.forEach(function (run) { if (trends.runs[run][3]) draw(run, [1, 3], "good"); });
    };
  };
  var trendChart = function (figure) {
    var line = trends.lines[+figure.dataset.line];
    if (!line) return;
    var unit = unitOf(line.m), environments = [], newest = trends.runs[line.r[line.r.length - 1]][2];
    line.r.forEach(function (run) {
      var environment = trends.runs[run][2];
      if (environments.indexOf(environment) < 0) environments.push(environment);
    });
    environments.sort(function (one, other) { return (one === newest) - (other === newest); });
    var pick = function (values, environment) {
      return line.r.map(function (run, index) { return trends.runs[run][2] === environment ? values[index] : null; });
    };
    var columns = [line.r.map(function (run, index) { return index; })], hasBand = !!line.l;
    if (hasBand) columns.push(pick(line.h, newest), pick(line.l, newest));
    environments.forEach(function (environment) { columns.push(pick(line.v, environment)); });
    var stepped = line.m === "queries" ? uPlot.paths.stepped({ align: 1 }) : undefined;
    plot(figure.querySelector(".plot"), function (width) {
      var unseen = { stroke: "transparent", points: { show: false }, spanGaps: true };
      var series = hasBand ? [{}, unseen, unseen] : [{}];
      environments.forEach(function (environment) {
        var isNewest = environment === newest;
        series.push({
          stroke: colour(isNewest ? "accent" : "strong"), width: isNewest ? 2 : 1.5, spanGaps: true, paths: stepped,
          points: { size: 5, show: line.r.length < 40 }
        });
      });
      return {
        width: width, height: 180, series: series, bands: hasBand ? [{ series: [1, 2], fill: colour("band") }] : [],
        scales: { x: { time: false }, y: { range: function (self, low, high) { return [0, (high || 1) * 1.08]; } } },
        axes: axes(unit, function (self, ticks) {
          return ticks.map(function (tick) { var run = trends.runs[line.r[tick]]; return run ? pad(run[0]).slice(5, 10) : ""; });
        }),
        cursor: { drag: { x: true, y: false } }, hooks: { draw: [marks(line)] }
      };
    }, columns, function (index) {
      var run = trends.runs[line.r[index]], parts = [pad(run[0]), unit(line.v[index])];
      if (hasBand && line.l[index] < line.h[index]) parts[1] += " (" + unit(line.l[index]) + " to " + unit(line.h[index]) + ")";
      if (run[1]) parts.push(run[1]);
      if (environments.length > 1) parts.push("environment " + (run[2] + 1));
      if (run[3]) parts.push("rewritten");
      if ((line.s || []).indexOf(line.r[index]) >= 0) parts.push("level changed");
      return parts.join(" · ");
    });
  };
  var seen = "IntersectionObserver" in window ? new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      if (!entry.isIntersecting) return;
      seen.unobserve(entry.target);
      entry.target.drawChart();
    });
  }, { rootMargin: "300px" }) : null;
  var whenSeen = function (figure, draw) {
    figure.drawChart = function () { figure.drawChart = function () {}; draw(figure); };
    figure.querySelector(".plot").style.minHeight = "190px";
    all("details[open]", figure).forEach(function (details) { details.open = false; });
    if (seen) seen.observe(figure); else figure.drawChart();
  };
  var memoryChart = function (figure) {
    var memory = data.report.profile.memory, points = memory.timeline;
    var columns = [points.map(function (point) { return point.at_seconds; }),
      points.map(function (point) { return point.rss_bytes || null; }), points.map(function (point) { return point.traced_bytes; })];
    plot(figure.querySelector(".plot"), function (width) {
      return {
        width: width, height: 220,
        series: [{}, { stroke: colour("strong"), width: 1.5, spanGaps: true, points: { show: false } }, { stroke: colour("accent"), width: 2, fill: colour("accent-soft"), points: { show: false } }],
        scales: { x: { time: false }, y: { range: function (self, low, high) { return [0, (high || 1) * 1.08]; } } },
        axes: axes(units.bytes, function (self, ticks) { return ticks.map(function (tick) { return tick ? units.time(tick) : "0"; }); }),
        cursor: { drag: { x: true, y: false } },
        hooks: { draw: [function (self) {
          var x = Math.round(self.valToPos(memory.peak_at_seconds, "x", true)), box = self.bbox;
          if (!memory.peak_at_seconds) return;
          self.ctx.save();
          self.ctx.strokeStyle = colour("ink");
          self.ctx.lineWidth = devicePixelRatio;
          self.ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
          self.ctx.beginPath();
          self.ctx.moveTo(x, box.top);
          self.ctx.lineTo(x, box.top + box.height);
          self.ctx.stroke();
          self.ctx.restore();
        }] }
      };
    }, columns, function (index) {
      var resident = columns[1][index];
      return units.time(columns[0][index]) + " · " + units.bytes(columns[2][index]) + " allocated" + (resident ? " · " + units.bytes(resident) + " resident" : "");
    });
  };
  all("figure.chart[data-memory]").forEach(function (figure) { whenSeen(figure, memoryChart); });
  all("figure.chart[data-line]").forEach(function (figure) { whenSeen(figure, trendChart); });
  redraws.push(function () { charts.forEach(function (chart) { chart.draw(); }); });
  var resized = 0;
  addEventListener("resize", function () {
    clearTimeout(resized);
    resized = setTimeout(redraw, 150);
  });

  /* Flame graphs. */
  var flames = all("figure.flame").map(function (figure) {
    var svg = figure.querySelector(".frames"), box = figure.querySelector(".flame-box");
    var frames = all(".f", svg).map(function (element) {
      var get = function (name) { return parseFloat(element.getAttribute(name)); };
      var title = element.querySelector("title").textContent;
      if (!element.querySelector("text")) {
        var label = doc.createElementNS("http://www.w3.org/2000/svg", "text");
        label.setAttribute("x", "5");
        label.setAttribute("y", "14");
        label.textContent = title.slice(0, title.lastIndexOf(": "));
        element.append(label);
      }
      return {
        element: element, x: get("x"), y: get("y"), width: get("width"),
        title: title, name: element.querySelector("text").textContent
      };
    });
    var height = svg.getAttribute("height"), zoomed = frames[0], focused = frames[0], step = 20;
    var tools = make("div", "tools"), input = make("input"), count = make("span", "count");
    var reset = button("tool", "Reset zoom");
    input.type = "search";
    input.placeholder = "Search frames (regular expression)";
    input.setAttribute("aria-label", "Search frames of the graph by name, as a regular expression");
    count.setAttribute("role", "status");
    reset.hidden = true;
    tools.append(input, reset, count);
    box.before(tools);

    var covers = function (outer, inner) {
      var slack = 0.002;
      return outer.x - slack <= inner.x && inner.x + inner.width <= outer.x + outer.width + slack;
    };
    var zoom = function (to) {
      zoomed = to;
      var deepest = 0;
      frames.forEach(function (frame) {
        var isAbove = frame.y <= to.y && covers(frame, to), isBelow = frame.y >= to.y && covers(to, frame);
        frame.isOff = !isAbove && !isBelow;
        frame.element.classList.toggle("off", frame.isOff);
        frame.element.style.display = frame.isOff ? "none" : "";
        if (frame.isOff) return;
        deepest = Math.max(deepest, frame.y);
        frame.element.setAttribute("x", isBelow ? 100 * (frame.x - to.x) / to.width + "%" : "0%");
        frame.element.setAttribute("width", isBelow ? Math.min(100, 100 * frame.width / to.width) + "%" : "100%");
      });
      svg.setAttribute("height", deepest + step);
      reset.hidden = to === frames[0];
      say(to === frames[0] ? "Whole graph" : "Zoomed to " + to.title);
    };
    var search = function () {
      var pattern = null;
      try { pattern = input.value ? new RegExp(input.value, "i") : null; } catch (wrong) { count.textContent = "not a regular expression"; return; }
      var hits = [];
      frames.forEach(function (frame) {
        var isHit = !!pattern && pattern.test(frame.name);
        frame.element.classList.toggle("hit", isHit);
        frame.element.classList.toggle("dim", !!pattern && !isHit);
        if (isHit && !hits.some(function (hit) { return hit.y < frame.y && covers(hit, frame); })) hits.push(frame);
      });
      var share = hits.reduce(function (sum, hit) { return sum + hit.width; }, 0);
      count.textContent = pattern ? (hits.length ? share.toFixed(1) + "% matched" : "nothing matched") : "";
    };
    var timer = 0;
    input.addEventListener("input", function () {
      search();
      clearTimeout(timer);
      timer = setTimeout(function () {
        try { history.replaceState(null, "", input.value ? "#search=" + encodeURIComponent(input.value) : "#flame"); } catch (refused) { return; }
      }, 400);
    });
    reset.addEventListener("click", function () { zoom(frames[0]); });

    var focus = function (frame) {
      if (!frame) return;
      focused.element.setAttribute("tabindex", "-1");
      focused = frame;
      frame.element.setAttribute("tabindex", "0");
      frame.element.focus({ preventScroll: false });
    };
    var visible = function (test) { return frames.filter(function (frame) { return !frame.isOff && test(frame); }); };
    var siblings = function (frame) {
      return visible(function (other) { return other.y === frame.y; }).sort(function (one, other) { return one.x - other.x; });
    };
    var moves = {
      ArrowUp: function (frame) { return visible(function (other) { return other.y === frame.y - step && covers(other, frame); })[0]; },
      ArrowDown: function (frame) {
        return visible(function (other) { return other.y === frame.y + step && covers(frame, other); })
          .sort(function (one, other) { return other.width - one.width; })[0];
      },
      ArrowLeft: function (frame) { var row = siblings(frame); return row[row.indexOf(frame) - 1]; },
      ArrowRight: function (frame) { var row = siblings(frame); return row[row.indexOf(frame) + 1]; },
      Home: function () { return zoomed; }
    };
    frames.forEach(function (frame, index) {
      frame.element.setAttribute("role", "button");
      frame.element.setAttribute("tabindex", index ? "-1" : "0");
      frame.element.setAttribute("aria-label", frame.title);
      frame.element.addEventListener("click", function () { focus(frame); zoom(frame); });
      frame.element.addEventListener("keydown", function (event) {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); zoom(frame); }
        else if (event.key === "Escape") { zoom(frames[0]); focus(frames[0]); }
        else if (moves[event.key]) { event.preventDefault(); focus(moves[event.key](frame)); }
      });
    });
    return { figure: figure, tools: tools, input: input, search: search, zoom: zoom, height: height };
  });
  if (flames.length > 1) {
    var tabs = make("div", "tabs");
    tabs.setAttribute("role", "group");
    tabs.setAttribute("aria-label", "What the width of a frame stands for");
    var choose = function (chosen) {
      flames.forEach(function (flame, index) {
        flame.figure.hidden = flame !== chosen;
        tabs.children[index].setAttribute("aria-pressed", String(flame === chosen));
      });
    };
    flames.forEach(function (flame) {
      var tab = button("", flame.figure.dataset.title);
      tab.addEventListener("click", function () { choose(flame); });
      tabs.append(tab);
    });
    flames[0].figure.before(tabs);
    choose(flames[0]);
  }
  var searched = /^#search=(.*)$/.exec(location.hash);
  if (searched && flames.length) {
    flames.forEach(function (flame) { flame.input.value = decodeURIComponent(searched[1]); flame.search(); });
    doc.getElementById("flame").scrollIntoView();
  }

  /* The section in view, in the navigation. */
  if ("IntersectionObserver" in window) {
    var links = {};
    all(".sections a").forEach(function (link) { links[link.hash.slice(1)] = link; });
    var watcher = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        if (!entry.isIntersecting) return;
        all(".sections a[aria-current]").forEach(function (link) { link.removeAttribute("aria-current"); });
        if (links[entry.target.id]) links[entry.target.id].setAttribute("aria-current", "true");
      });
    }, { rootMargin: "-20% 0px -70% 0px" });
    all("main > section").forEach(function (section) { watcher.observe(section); });
  }

  /* On paper everything is open and shown. */
  var opened = [];
  addEventListener("beforeprint", function () {
    opened = all("details:not([open])");
    opened.forEach(function (details) { details.open = true; });
    flames.forEach(function (flame) { flame.figure.hidden = false; });
    all("figure.chart").forEach(function (figure) { if (figure.drawChart) figure.drawChart(); });
    redraw();
  });
  addEventListener("afterprint", function () {
    opened.forEach(function (details) { details.open = false; });
    flames.forEach(function (flame, index) { flame.figure.hidden = index > 0; });
  });
  reveal();
}());
